/** Files that are not there yet, written into one folder one after the other, a piece at a time. */
import { createHash, type Hash } from 'node:crypto';
import { closeSync, fsyncSync } from 'node:fs';
import type { Plan } from '../../spec/plan.ts';
import { writeFully } from '../support/atomic.ts';
import { openNew } from '../support/safe-files.ts';
import { assertInside, makerInside, type SafePath } from '../support/safe-path.ts';

/** A file that was written, as a plan lists it. */
export type Entry = Plan['files'][number];

interface OpenFile {
  readonly path: string;
  readonly descriptor: number;
  readonly hash: Hash;
  bytes: number;
}

export class NewFiles {
  readonly #folder: SafePath;
  readonly #placeOf: (relative: string) => SafePath;
  #open: OpenFile | undefined;

  constructor(folder: SafePath) {
    this.#folder = folder;
    this.#placeOf = makerInside(folder);
  }

  /** @throws UserError `path/unsafe`, and what the file system says */
  begin(path: string): void {
    const descriptor = openNew(this.#placeOf(path));
    this.#open = { path, descriptor, hash: createHash('sha256'), bytes: 0 };
    assertInside(this.#folder, path);
  }

  write(piece: Uint8Array): void {
    const file = this.#current();
    file.hash.update(piece);
    file.bytes += piece.byteLength;
    writeFully(file.descriptor, piece);
  }

  /** @param flushed survives a power cut; the others' hashes stand in the one that does */
  end(flushed = false): Entry {
    const { path, hash, bytes, descriptor } = this.#current();
    if (flushed) fsyncSync(descriptor);
    this.close();
    return { path, sha256: hash.digest('hex'), bytes };
  }

  /** Where a file could not be finished, it is let go. */
  close(): void {
    if (this.#open) closeSync(this.#open.descriptor);
    this.#open = undefined;
  }

  #current(): OpenFile {
    if (!this.#open) throw new Error('a piece of no file');
    return this.#open;
  }
}
