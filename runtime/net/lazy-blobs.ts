/** Blobs by hash, each made anew when it is wanted: of a large data set only the piece is there that is on its way. */
import type { BlobRef } from '../wire/deployment.ts';
import { hex, sha256 } from '../wire/hash.ts';

export class LazyBlobs implements ReadonlyMap<string, Uint8Array> {
  readonly #makers = new Map<string, () => Uint8Array>();

  /** @param make gives the same bytes each time */
  add(make: () => Uint8Array): BlobRef {
    const bytes = make();
    const blob = hex(sha256(bytes));
    this.#makers.set(blob, make);
    return { blob, bytes: bytes.length };
  }

  get size(): number {
    return this.#makers.size;
  }

  has(hash: string): boolean {
    return this.#makers.has(hash);
  }

  get(hash: string): Uint8Array | undefined {
    return this.#makers.get(hash)?.();
  }

  keys(): MapIterator<string> {
    return this.#makers.keys();
  }

  *values(): MapIterator<Uint8Array> {
    for (const make of this.#makers.values()) yield make();
  }

  *entries(): MapIterator<[string, Uint8Array]> {
    for (const [hash, make] of this.#makers) yield [hash, make()];
  }

  [Symbol.iterator](): MapIterator<[string, Uint8Array]> {
    return this.entries();
  }

  forEach(tell: (bytes: Uint8Array, hash: string, all: ReadonlyMap<string, Uint8Array>) => void): void {
    for (const [hash, bytes] of this) tell(bytes, hash, this);
  }
}
