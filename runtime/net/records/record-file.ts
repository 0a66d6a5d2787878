/**
 * A record on its way to the disk: what is appended is copied into blocks, and these are written one after the other
 * while the shard works. It takes its name when it is complete; until then it is a file beside.
 */
import type { FileHandle } from 'node:fs/promises';
import { reasonOf } from '../../../spec/reason-of.ts';
import { makePrivateFolder, moveFileSoon, openForWriting, removeFileSoon } from '../../support/safe-files.ts';
import { folderOf, type SafePath } from '../../support/safe-path.ts';
import { MAGIC } from './entries.ts';
import { BLOCK_BYTES } from './pending.ts';

/** Services that a write needs, and waits for. */
export interface WritingPort {
  /** @throws Error where the disk has no room for so many bytes */
  readonly assertRoom: (bytes: number) => void;
  readonly sleep: (milliseconds: number) => Promise<void>;
  /** The disk does not take it now, in words; nothing: it does again. */
  readonly trouble: (why: string | undefined) => void;
  /** So many bytes more, or less, wait in memory. */
  readonly pending: (bytes: number) => void;
}

/** Blocks that were written and wait to be filled again: the memory of new ones costs more than what is copied there. */
const FREE_BLOCKS: Buffer[] = [];
const MAX_FREE_BLOCKS = 16;
const NO_BLOCK = Buffer.alloc(0);
const RETRY_MILLISECONDS = 200;

export class RecordFile {
  /** Written, or on the way there. */
  bytes = 0;
  readonly #path: SafePath;
  readonly #beside: SafePath;
  readonly #port: WritingPort;
  #block: Buffer = NO_BLOCK;
  #filled = 0;
  #handle: FileHandle | undefined;
  #work: Promise<void> = Promise.resolve();
  #given = false;

  constructor(path: SafePath, beside: SafePath, port: WritingPort) {
    this.#path = path;
    this.#beside = beside;
    this.#port = port;
    this.append(MAGIC);
  }

  /** Copied before the call returns. */
  append(...pieces: readonly Uint8Array[]): void {
    for (const piece of pieces) {
      let at = 0;
      while (at < piece.length) {
        if (this.#filled === this.#block.length) this.#next();
        const count = Math.min(piece.length - at, this.#block.length - this.#filled);
        this.#block.set(piece.subarray(at, at + count), this.#filled);
        this.#filled += count;
        at += count;
      }
    }
  }

  /** Not copied: the bytes are left alone from now on. */
  give(bytes: Uint8Array): void {
    this.#flush();
    this.#write(bytes);
  }

  /** When the disk has taken what was given. */
  written(): Promise<void> {
    return this.#work;
  }

  /** Complete: it gets its name. @returns whether it was not given up meanwhile */
  async finish(): Promise<boolean> {
    this.#flush();
    await this.#then(async () => {
      await this.#handle?.close();
      this.#handle = undefined;
      await moveFileSoon(this.#beside, this.#path);
    });
    return !this.#given;
  }

  /** Nothing of it stays. */
  async abandon(): Promise<void> {
    this.#given = true;
    await this.#work;
    await this.#handle?.close();
    this.#handle = undefined;
    await removeFileSoon(this.#beside);
  }

  #next(): void {
    this.#flush();
    this.#block = FREE_BLOCKS.pop() ?? Buffer.allocUnsafeSlow(BLOCK_BYTES);
    this.#filled = 0;
  }

  #flush(): void {
    const block = this.#block;
    if (this.#filled > 0)
      this.#write(block.subarray(0, this.#filled), () => {
        if (FREE_BLOCKS.length < MAX_FREE_BLOCKS) FREE_BLOCKS.push(block);
      });
    this.#block = NO_BLOCK;
    this.#filled = 0;
  }

  #write(bytes: Uint8Array, written: () => void = () => undefined): void {
    const position = this.bytes;
    this.bytes += bytes.length;
    this.#port.pending(bytes.length);
    void this.#then(async () => {
      makePrivateFolder(folderOf(this.#beside));
      this.#port.assertRoom(bytes.length);
      this.#handle ??= await openForWriting(this.#beside, true);
      let at = 0;
      while (at < bytes.length) {
        const { bytesWritten } = await this.#handle.write(bytes, at, bytes.length - at, position + at);
        at += bytesWritten;
      }
    }).then(() => {
      written();
      this.#port.pending(-bytes.length);
    });
  }

  /** In turn, and again until it works: the shard waits meanwhile. */
  #then(work: () => Promise<void>): Promise<void> {
    this.#work = this.#work.then(async () => {
      for (;;) {
        if (this.#given) return;
        try {
          await work();
          this.#port.trouble(undefined);
          return;
        } catch (error) {
          this.#port.trouble(reasonOf(error));
          await this.#port.sleep(RETRY_MILLISECONDS);
        }
      }
    });
    return this.#work;
  }
}
