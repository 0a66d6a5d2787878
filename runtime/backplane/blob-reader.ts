/**
 * A blob read in pieces, each into the memory of the one before it; the hash is computed on the way, so that its end says
 * whether it is undamaged.
 */
import { createHash, type Hash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';

export const PIECE_BYTES = 256 * 1024;

export class BlobReader {
  readonly bytes: number;
  readonly #file: FileHandle;
  readonly #name: string;
  readonly #hash: Hash = createHash('sha256');
  readonly #damaged: () => void;
  readonly #buffer: Uint8Array;
  #read = 0;

  /** @param damaged called where the bytes do not have the hash */
  constructor(file: FileHandle, name: string, bytes: number, damaged: () => void) {
    this.bytes = bytes;
    this.#file = file;
    this.#name = name;
    this.#damaged = damaged;
    this.#buffer = new Uint8Array(Math.min(PIECE_BYTES, bytes));
  }

  /** As `BlobSource.next`. */
  async next(): Promise<Uint8Array | undefined> {
    if (this.#read >= this.bytes) return undefined;
    const length = Math.min(PIECE_BYTES, this.bytes - this.#read);
    const { bytesRead } = await this.#file.read(this.#buffer, 0, length, this.#read);
    if (bytesRead === 0) throw new Error(`blob ${this.#name} has become shorter`);
    const read = this.#buffer.subarray(0, bytesRead);
    this.#hash.update(read);
    this.#read += bytesRead;
    if (this.#read === this.bytes && this.#hash.digest('hex') !== this.#name) this.#damaged();
    return read;
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}
