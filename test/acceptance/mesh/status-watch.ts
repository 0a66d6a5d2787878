/** A mesh's words about itself, as `nmc status --watch --json` prints them. */
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface Seen {
  /** Milliseconds, when it was said. */
  readonly at: number;
  readonly status: Readonly<Record<string, unknown>>;
}

export class StatusWatch {
  readonly #child: ChildProcess;
  #heard: { readonly take: (seen: Seen) => void; readonly fail: (error: Error) => void } | undefined;

  /** @param child with its output as a pipe */
  constructor(child: ChildProcess) {
    this.#child = child;
    if (child.stdout)
      createInterface({ input: child.stdout }).on('line', (line) => {
        const status = JSON.parse(line) as Seen['status'];
        this.#heard?.take({ at: performance.now(), status });
        this.#heard = undefined;
      });
    child.on('exit', () => this.#heard?.fail(new Error('the mesh says no more of itself')));
  }

  /** What it says next. */
  next(): Promise<Seen> {
    if (this.#child.exitCode !== null) return Promise.reject(new Error('the mesh says no more of itself'));
    return new Promise((take, fail) => {
      this.#heard = { take, fail };
    });
  }

  close(): void {
    this.#child.kill('SIGINT');
  }
}
