/** What a long measurement has found so far: begun again with the same program it goes on from there. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Context } from './row.ts';

interface Kept<T> {
  readonly program: string;
  readonly rows: Readonly<Record<string, T>>;
}

export class KeptRows<T> {
  readonly #path: string;
  readonly #program: string;
  #rows: Readonly<Record<string, T>>;

  /**
   * @param name of the measurement
   * @param code that it stands on, where it does not start the program itself; absent: all of the program
   */
  constructor({ root, fresh }: Pick<Context, 'root' | 'fresh'>, name: string, code = bundleOf(root)) {
    this.#path = join(root, '.cache', 'acceptance', `${name}.json`);
    this.#program = code;
    const known: Partial<Kept<T>> =
      !fresh && existsSync(this.#path) ? (JSON.parse(readFileSync(this.#path, 'utf8')) as Kept<T>) : {};
    this.#rows = known.program === this.#program ? (known.rows ?? {}) : {};
  }

  /** Nothing was found before. */
  get isEmpty(): boolean {
    return Object.keys(this.#rows).length === 0;
  }

  get(name: string): T | undefined {
    return this.#rows[name];
  }

  keep(name: string, row: T): void {
    this.#rows = { ...this.#rows, [name]: row };
    writeFileSync(this.#path, JSON.stringify({ program: this.#program, rows: this.#rows } satisfies Kept<T>));
  }

  /** All are there: the next call begins again. */
  done(): void {
    rmSync(this.#path, { force: true });
  }
}

function bundleOf(root: string): string {
  const bundle = join(root, 'dist/bundle/runtime-cli-main.cjs');
  return createHash('sha256').update(readFileSync(bundle)).digest('hex');
}
