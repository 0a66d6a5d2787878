/** Files that stay open between reads: to open and close one takes several times as long as to read a row of it. */
import { closeSync } from 'node:fs';

/** At once; a process may have 1,024 on many systems. */
const MAX_OPEN = 256;

export class OpenFiles {
  /** Descriptors by name, the one used last at the end. */
  readonly #files = new Map<string, number>();
  readonly #most: number;

  constructor(most = MAX_OPEN) {
    this.#most = most;
  }

  /** @param open nothing where there is no such file. @returns its descriptor, good until the next call */
  get(name: string, open: () => number | undefined): number | undefined {
    const file = this.#files.get(name) ?? open();
    if (file === undefined) return undefined;
    this.#files.delete(name);
    this.#files.set(name, file);
    const [oldest] = this.#files.keys();
    if (this.#files.size > this.#most && oldest !== undefined) this.close(oldest);
    return file;
  }

  /** What is read of it next is read of the file that lies there then. */
  close(name: string): void {
    const file = this.#files.get(name);
    if (file === undefined) return;
    this.#files.delete(name);
    closeSync(file);
  }
}
