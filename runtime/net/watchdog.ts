/**
 * A device that never answers must not look like a slow neighbour. A shard makes thousands of steps a second: one timer
 * looks after all of them, for a timer of each would take longer than many a step.
 */

/** In the time that work may take. */
const LOOKS = 24;

export class Watchdog {
  readonly #milliseconds: number;
  #since = 0;
  #fail: ((error: Error) => void) | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** @param milliseconds that one piece of work may take; it is ended a twentieth later at most */
  constructor(milliseconds: number) {
    this.#milliseconds = milliseconds;
  }

  /** @param work one at a time */
  watch<T>(work: Promise<T>): Promise<T> {
    this.#timer ??= setInterval(() => this.#look(), this.#milliseconds / LOOKS).unref();
    return new Promise((resolve, reject) => {
      this.#since = performance.now();
      this.#fail = reject;
      work.then(
        (value) => {
          this.#fail = undefined;
          resolve(value);
        },
        (error) => {
          this.#fail = undefined;
          reject(error);
        },
      );
    });
  }

  end(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    if (performance.now() - this.#since < this.#milliseconds) return;
    this.#fail?.(new Error(`the device has not answered for ${this.#milliseconds / 1000} s`));
  }
}
