/** Blobs that one connection has asked for; the place for each is made when its first chunk says how long it is. */
import type { BlobWriter } from '../backplane/blob-writer.ts';
import { boundedCount } from '../support/bounded.ts';
import { UserError } from '../support/errors.ts';
import { BlobAssembly } from './blob-assembly.ts';
import type { Waiting } from './waiting.ts';

interface Incoming {
  readonly promise: Promise<Uint8Array>;
  readonly done: Waiting<Uint8Array>;
  /** Bytes. */
  most: number;
  /** Where it goes if not into memory. */
  readonly open: ((bytes: number) => BlobWriter) | undefined;
  assembly?: Assembly;
}

interface Assembly {
  readonly complete: boolean;
  /** @returns what is wrong, or nothing */
  add(offset: number, total: number, data: Uint8Array): string | undefined;
  /** @returns the bytes (none of what lies on the disk), or nothing where they are not what their name says */
  finish(): Uint8Array | undefined;
  abandon?(): void;
}

/** As `BlobAssembly`, on the disk. */
class DiskAssembly implements Assembly {
  readonly #writer: BlobWriter;
  readonly #bytes: number;
  #filled = 0;

  constructor(writer: BlobWriter, bytes: number) {
    this.#writer = writer;
    this.#bytes = bytes;
  }

  get complete(): boolean {
    return this.#filled === this.#bytes;
  }

  add(offset: number, total: number, data: Uint8Array): string | undefined {
    if (total !== this.#bytes) return 'its size is not the agreed one';
    if (offset !== this.#filled || offset + data.length > total) return 'its chunks do not follow each other';
    if (data.length === 0 && total > 0) return 'a chunk is empty';
    this.#writer.write(data);
    this.#filled += data.length;
    return undefined;
  }

  finish(): Uint8Array | undefined {
    return this.#writer.finishAtOnce(() => undefined) ? NOTHING : undefined;
  }

  abandon(): void {
    this.#writer.abandon();
  }
}

const NOTHING = new Uint8Array(0);

export class IncomingBlobs {
  readonly #blobs = new Map<string, Incoming>();

  /** A blob that is expected already may be `most` bytes long. @returns nothing where it is not expected */
  widen(hash: string, most: number): Promise<Uint8Array> | undefined {
    const known = this.#blobs.get(hash);
    if (known) known.most = Math.max(known.most, most);
    return known?.promise;
  }

  /** @param most bytes that were agreed: a longer one is refused before there is room for it */
  expect(hash: string, most: number, open?: (bytes: number) => BlobWriter): Promise<Uint8Array> {
    const { promise, done } = pending<Uint8Array>();
    promise.catch(() => undefined);
    this.#blobs.set(hash, { promise, done, most, open });
    return promise;
  }

  /** Takes one chunk. @param total bytes of the whole, as the sender says */
  add(hash: string, offset: number, total: number, bytes: Uint8Array): void {
    const blob = this.#blobs.get(hash);
    if (!blob) return;
    try {
      const agreed = boundedCount(total, blob.most, `blob ${hash}`);
      blob.assembly ??= blob.open ? new DiskAssembly(blob.open(agreed), agreed) : new BlobAssembly(hash, agreed);
      const problem = blob.assembly.add(offset, total, bytes);
      if (problem === undefined && !blob.assembly.complete) return;
      const whole = problem === undefined ? blob.assembly.finish() : undefined;
      if (!whole) throw damaged(hash, problem ?? 'its bytes do not have its hash');
      this.#blobs.delete(hash);
      blob.done.resolve(whole);
    } catch (error) {
      this.reject(hash, error as Error);
    }
  }

  reject(hash: string, error: Error): void {
    const blob = this.#blobs.get(hash);
    this.#blobs.delete(hash);
    blob?.assembly?.abandon?.();
    blob?.done.reject(error);
  }

  rejectAll(error: Error): void {
    for (const { done, assembly } of this.#blobs.values()) {
      assembly?.abandon?.();
      done.reject(error);
    }
  }
}

function damaged(hash: string, problem: string): UserError {
  return new UserError(
    'mesh/blob-damaged',
    `blob ${hash}: ${problem}`,
    'ask again: if it was part of a snapshot, the run goes on from the one before',
  );
}

function pending<T>(): { readonly promise: Promise<T>; readonly done: Waiting<T> } {
  let done: Waiting<T> | undefined;
  const promise = new Promise<T>((resolve, reject) => {
    done = { resolve, reject };
  });
  return { promise, done: done as Waiting<T> };
}
