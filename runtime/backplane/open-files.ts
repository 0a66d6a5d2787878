/** Files that stay open between reads: to open and close one takes several times as long as to read a row of it. */
import { closeSync } from 'node:fs';
import { Recent } from '../support/recent.ts';

/** At once; a process may have 1,024 on many systems. */
const MAX_OPEN = 256;

export class OpenFiles {
  /** Descriptors by name. */
  readonly #files: Recent<number>;

  constructor(most = MAX_OPEN) {
    this.#files = new Recent(most, closeSync);
  }

  /** @param open nothing where there is no such file. @returns its descriptor, good until the next call */
  get(name: string, open: () => number | undefined): number | undefined {
    const known = this.#files.get(name);
    if (known !== undefined) return known;
    const file = open();
    if (file !== undefined) this.#files.set(name, file);
    return file;
  }

  /** What is read of it next is read of the file that lies there then. */
  close(name: string): void {
    this.#files.drop(name);
  }
}
