/** Blobs as files named by their SHA-256: written beside, flushed, renamed; read back only if they still have it. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { removeLeftovers, writeFileAtomic } from '../support/atomic.ts';
import { hex, sha256 } from '../wire/hash.ts';

export class BlobFiles {
  readonly #folder: string;
  readonly #durable: boolean;

  /** @param durable flushed to the disk; a cache needs that not, since what a power cut has torn fails its hash */
  constructor(folder: string, durable = true) {
    this.#folder = folder;
    this.#durable = durable;
    mkdirSync(folder, { recursive: true });
    removeLeftovers(folder);
  }

  put(bytes: Uint8Array): string {
    const hash = hex(sha256(bytes));
    const path = this.#path(hash);
    if (!existsSync(path)) {
      mkdirSync(join(path, '..'), { recursive: true });
      if (this.#durable) writeFileAtomic(path, bytes);
      else {
        writeFileSync(`${path}.${process.pid}`, bytes);
        renameSync(`${path}.${process.pid}`, path);
      }
    }
    return hash;
  }

  get(hash: string): Uint8Array | undefined {
    if (!this.has(hash)) return undefined;
    const bytes = readFileSync(this.#path(hash));
    if (hex(sha256(bytes)) === hash) return bytes;
    // A disk that lies: better missing than wrong.
    rmSync(this.#path(hash), { force: true });
    return undefined;
  }

  has(hash: string): boolean {
    return /^[0-9a-f]{64}$/.test(hash) && existsSync(this.#path(hash));
  }

  #path(hash: string): string {
    return join(this.#folder, hash.slice(0, 2), hash);
  }
}
