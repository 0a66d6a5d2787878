/** Blobs that can be fetched again: so many bytes of them, those that were used last. Nothing is flushed to the disk. */
import { BlobFiles } from './blob-files.ts';
import type { BlobReader } from './blob-reader.ts';
import type { BlobWriter } from './blob-writer.ts';

/** Plans, data and states that a trainer has met, and keeps. */
export const MAX_CACHE_BYTES = 4e9;
/** Looked at again when so much of the bound has been added. */
const SLACK = 0.1;

export class BlobCache {
  readonly #files: BlobFiles;
  readonly #most: number;
  #added = 0;

  constructor(folder: string, most: number = MAX_CACHE_BYTES) {
    this.#files = new BlobFiles(folder, false);
    this.#most = most;
    this.#trim();
  }

  /** @param most bytes: a longer one is not read. @throws SizeError */
  get(hash: string, most?: number): Uint8Array | undefined {
    const bytes = this.#files.get(hash, most);
    if (bytes) this.#files.touch(hash);
    return bytes;
  }

  has(hash: string): boolean {
    return this.#files.has(hash);
  }

  /** In pieces. */
  async readPieces(hash: string): Promise<BlobReader | undefined> {
    this.#files.touch(hash);
    return this.#files.read(hash, () => undefined);
  }

  /** Bytes from places of a blob that was read whole before. @returns whether it has all of them */
  readAt(hash: string, reads: readonly { readonly at: number; readonly into: Uint8Array }[]): boolean {
    return this.#files.readAt(hash, reads);
  }

  /** @throws EnvironmentError `disk/full` and others of the disk */
  writePieces(hash: string, bytes: number): BlobWriter {
    this.#added += bytes;
    if (this.#added > SLACK * this.#most) this.#trim();
    return this.#files.write(hash, bytes);
  }

  put(bytes: Uint8Array): string {
    const hash = this.#files.put(bytes);
    this.#added += bytes.length;
    if (this.#added > SLACK * this.#most) this.#trim();
    return hash;
  }

  #trim(): void {
    this.#added = 0;
    const oldestFirst = this.#files.list().sort((a, b) => a.touched - b.touched);
    let bytes = oldestFirst.reduce((sum, b) => sum + b.bytes, 0);
    for (const blob of oldestFirst) {
      if (bytes <= this.#most) return;
      this.#files.remove(blob.hash);
      bytes -= blob.bytes;
    }
  }
}
