/** Blobs that can be fetched again: so many bytes of them, those that were used last. Nothing is flushed to the disk. */
import { BlobFiles, type BlobRead } from './blob-files.ts';
import type { BlobReader } from './blob-reader.ts';
import type { BlobWriter } from './blob-writer.ts';

/** Plans, data and states that a trainer has met, and keeps. */
export const MAX_CACHE_BYTES = 4e9;
/** Looked at again when so much of the bound has been added. */
const SLACK = 0.1;

export class BlobCache {
  readonly #files: BlobFiles;
  readonly #most: number;
  /** By how many they are being sent or read: these do not make room for others. */
  readonly #held = new Map<string, number>();
  #added = 0;
  /** Something has come since the last look, which may not have been whole then. */
  #grown = false;

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
  readAt(hash: string, reads: readonly BlobRead[]): boolean {
    return this.#files.readOften(hash, reads);
  }

  /** @throws EnvironmentError `disk/full` and others of the disk */
  writePieces(hash: string, bytes: number): BlobWriter {
    this.#added += bytes;
    if (this.#added > SLACK * this.#most) this.#trim();
    this.#grown = true;
    return this.#files.write(hash, bytes);
  }

  put(bytes: Uint8Array): string {
    const hash = this.#files.put(bytes);
    this.#added += bytes.length;
    if (this.#added > SLACK * this.#most) this.#trim();
    return hash;
  }

  /** The blob stays, where it is there, until it is let go. */
  hold(hash: string): () => void {
    this.#held.set(hash, (this.#held.get(hash) ?? 0) + 1);
    return () => {
      const left = (this.#held.get(hash) ?? 1) - 1;
      if (left > 0) this.#held.set(hash, left);
      else this.#held.delete(hash);
      if (this.#grown) this.#trim();
    };
  }

  remove(hash: string): void {
    this.#files.remove(hash);
  }

  /** Removes what the store does not have any more, and was not used since. @param since milliseconds */
  keepOnly(stored: ReadonlySet<string>, since: number): void {
    for (const { hash, touched } of this.#files.list())
      if (!stored.has(hash) && touched < since && !this.#held.has(hash)) this.#files.remove(hash);
  }

  #trim(): void {
    this.#added = 0;
    this.#grown = false;
    const oldestFirst = this.#files.list().sort((a, b) => a.touched - b.touched);
    let bytes = oldestFirst.reduce((sum, b) => sum + b.bytes, 0);
    for (const blob of oldestFirst) {
      if (bytes <= this.#most) return;
      if (this.#held.has(blob.hash)) continue;
      this.#files.remove(blob.hash);
      bytes -= blob.bytes;
    }
  }
}
