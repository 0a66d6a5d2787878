/** Blobs that one connection has asked for; the place for each is made when its first chunk says how long it is. */
import { boundedCount } from '../support/bounded.ts';
import { UserError } from '../support/errors.ts';
import { BlobAssembly } from './blob-assembly.ts';
import type { Waiting } from './waiting.ts';

interface Incoming {
  readonly promise: Promise<Uint8Array>;
  readonly done: Waiting<Uint8Array>;
  /** Bytes. */
  most: number;
  assembly?: BlobAssembly;
}

export class IncomingBlobs {
  readonly #blobs = new Map<string, Incoming>();

  /** A blob that is expected already may be `most` bytes long. @returns nothing where it is not expected */
  widen(hash: string, most: number): Promise<Uint8Array> | undefined {
    const known = this.#blobs.get(hash);
    if (known) known.most = Math.max(known.most, most);
    return known?.promise;
  }

  /** @param most bytes that were agreed: a longer one is refused before there is room for it */
  expect(hash: string, most: number): Promise<Uint8Array> {
    const { promise, done } = pending<Uint8Array>();
    promise.catch(() => undefined);
    this.#blobs.set(hash, { promise, done, most });
    return promise;
  }

  /** Takes one chunk. @param total bytes of the whole, as the sender says */
  add(hash: string, offset: number, total: number, bytes: Uint8Array): void {
    const blob = this.#blobs.get(hash);
    if (!blob) return;
    try {
      blob.assembly ??= new BlobAssembly(hash, boundedCount(total, blob.most, `blob ${hash}`));
    } catch (error) {
      this.reject(hash, error as Error);
      return;
    }
    const problem = blob.assembly.add(offset, total, bytes);
    if (problem === undefined && !blob.assembly.complete) return;
    const whole = problem === undefined ? blob.assembly.finish() : undefined;
    if (!whole) {
      this.reject(hash, damaged(hash, problem ?? 'its bytes do not have its hash'));
      return;
    }
    this.#blobs.delete(hash);
    blob.done.resolve(whole);
  }

  reject(hash: string, error: Error): void {
    const blob = this.#blobs.get(hash);
    this.#blobs.delete(hash);
    blob?.done.reject(error);
  }

  rejectAll(error: Error): void {
    for (const { done } of this.#blobs.values()) done.reject(error);
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
