/** A blob that arrives in chunks, one after the other: not larger than agreed, and with the hash of its name. */
import { type BoundedCount, zeroedBytes } from '../support/bounded.ts';
import { hex, sha256 } from '../wire/hash.ts';

export class BlobAssembly {
  readonly #hash: string;
  readonly #bytes: Uint8Array;
  #filled = 0;

  /** @param bytes agreed before; memory for as many is taken at once */
  constructor(hash: string, bytes: BoundedCount) {
    this.#hash = hash;
    this.#bytes = zeroedBytes(bytes);
  }

  get complete(): boolean {
    return this.#filled === this.#bytes.length;
  }

  /** @returns what is wrong, or nothing */
  add(offset: number, total: number, data: Uint8Array): string | undefined {
    if (total !== this.#bytes.length) return 'its size is not the agreed one';
    if (offset !== this.#filled || offset + data.length > total) return 'its chunks do not follow each other';
    if (data.length === 0 && total > 0) return 'a chunk is empty';
    this.#bytes.set(data, offset);
    this.#filled += data.length;
    return undefined;
  }

  /** @returns the bytes, or nothing where they are not what their name says */
  finish(): Uint8Array | undefined {
    return hex(sha256(this.#bytes)) === this.#hash ? this.#bytes : undefined;
  }
}
