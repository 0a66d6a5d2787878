/**
 * A blob on its way to the disk: a file beside, written in pieces, in its place when its hash is what was announced.
 */
import { createHash } from 'node:crypto';
import { closeSync, fsync } from 'node:fs';
import { promisify } from 'node:util';
import { diskError, flushFolder, temporaryFor, writeFully } from '../support/atomic.ts';
import { makePrivateFolder, moveFile, openNewPrivate, removeFile } from '../support/safe-files.ts';
import { folderOf, type SafePath } from '../support/safe-path.ts';
import type { DiskRoom } from './disk-room.ts';

/** Bytes written between two looks at what the disk has left. */
const LOOK_EVERY_BYTES = 16 * 1024 * 1024;

export interface BlobWriterOptions {
  readonly hash: string;
  readonly bytes: number;
  /** Where it comes to lie. */
  readonly path: SafePath;
  /** Where it lies until then is beside this one. */
  readonly beside: SafePath;
  readonly durable: boolean;
  readonly room: DiskRoom | undefined;
}

export class BlobWriter {
  readonly #options: BlobWriterOptions;
  readonly #temporary: SafePath;
  readonly #hash = createHash('sha256');
  #descriptor: number | undefined;
  #finishing = false;
  #written = 0;
  #looked = 0;

  /** @throws EnvironmentError `disk/full` and others of the disk */
  constructor(options: BlobWriterOptions) {
    this.#options = options;
    this.#temporary = temporaryFor(options.beside);
    options.room?.assertRoom(options.bytes);
    this.#guarded(() => {
      this.#descriptor = openNewPrivate(this.#temporary);
    });
  }

  /** @throws EnvironmentError `disk/full` and others of the disk; then nothing of it is left */
  write(piece: Uint8Array): void {
    const { bytes, room } = this.#options;
    if (this.#written + piece.length > bytes) throw new RangeError('it is longer than announced');
    this.#guarded(() => {
      if (this.#written - this.#looked >= LOOK_EVERY_BYTES) {
        room?.assertRoom(bytes - this.#written);
        this.#looked = this.#written;
      }
      if (this.#descriptor === undefined) throw new Error('the blob was given up');
      writeFully(this.#descriptor, piece);
    });
    this.#hash.update(piece);
    this.#written += piece.length;
  }

  /** @returns whether its bytes had its hash, and it is now kept */
  async finish(): Promise<boolean> {
    if (!this.#complete()) return false;
    this.#finishing = true;
    try {
      if (this.#options.durable && this.#descriptor !== undefined) await promisify(fsync)(this.#descriptor);
    } catch (error) {
      this.#giveUp();
      throw diskError(error, this.#options.path);
    }
    this.#guarded(() => this.#intoPlace());
    return true;
  }

  /** The same without giving way to others meanwhile: for what is small. */
  finishAtOnce(flush: (descriptor: number) => void): boolean {
    if (!this.#complete()) return false;
    this.#guarded(() => {
      if (this.#options.durable && this.#descriptor !== undefined) flush(this.#descriptor);
      this.#intoPlace();
    });
    return true;
  }

  /** Nothing of it stays, unless it is complete and only has to be flushed. */
  abandon(): void {
    if (!this.#finishing) this.#giveUp();
  }

  #giveUp(): void {
    if (this.#descriptor === undefined) return;
    closeSync(this.#descriptor);
    this.#descriptor = undefined;
    removeFile(this.#temporary);
  }

  #complete(): boolean {
    const { hash, bytes } = this.#options;
    const holds = this.#descriptor !== undefined && this.#written === bytes && this.#hash.digest('hex') === hash;
    if (!holds) this.#giveUp();
    return holds;
  }

  #intoPlace(): void {
    if (this.#descriptor === undefined) throw new Error('the blob was given up');
    const folder = folderOf(this.#options.path);
    const made = makePrivateFolder(folder);
    closeSync(this.#descriptor);
    this.#descriptor = undefined;
    moveFile(this.#temporary, this.#options.path);
    if (!this.#options.durable) return;
    flushFolder(folder);
    if (made) flushFolder(folderOf(folder));
  }

  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#giveUp();
      removeFile(this.#temporary);
      throw diskError(error, this.#options.path);
    }
  }
}
