/** Where threads wait for each other, each of them as often as all others. */

/** In a cache line each: how often threads have come, all together, and whether one of them is gone. */
const LINE = 16;
const ARRIVED = 0;
const FAILED = LINE;
export const MEETING_BYTES = 2 * LINE * Int32Array.BYTES_PER_ELEMENT;

/** How often a waiting thread looks whether another has failed. */
const LOOK_MILLISECONDS = 1000;

/** Another thread has failed, and says why. */
export class OtherFailed extends Error {}

export class Meeting {
  readonly #control: Int32Array;
  readonly #threads: number;
  #meetings = 0;

  /** @param control the same `MEETING_BYTES` in every thread */
  constructor(control: Int32Array, threads: number) {
    this.#control = control;
    this.#threads = threads;
  }

  /**
   * Waits until all threads have come here as often. Asleep at once: a loop that looks first gets hot, and is compiled
   * once more on the cores that the threads need.
   */
  meet(): void {
    this.#meetings++;
    const all = this.#meetings * this.#threads;
    if (Atomics.add(this.#control, ARRIVED, 1) + 1 === all) {
      Atomics.notify(this.#control, ARRIVED);
      return;
    }
    for (;;) {
      const come = Atomics.load(this.#control, ARRIVED);
      if (come >= all) return;
      if (Atomics.load(this.#control, FAILED) === 1) throw new OtherFailed('another thread has failed');
      Atomics.wait(this.#control, ARRIVED, come, LOOK_MILLISECONDS);
    }
  }

  /** A thread that waits for one that is gone would wait for ever. */
  fail(): void {
    Atomics.store(this.#control, FAILED, 1);
    Atomics.notify(this.#control, ARRIVED);
  }
}
