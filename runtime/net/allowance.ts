/** How much of one thing a client may do: a steady rate, and a burst after a rest (a token bucket). */
export class Allowance {
  readonly #perSecond: number;
  readonly #most: number;
  #left: number;
  #at: number;

  /** @param now milliseconds, as in every call */
  constructor(perSecond: number, most: number, now: number) {
    this.#perSecond = perSecond;
    this.#most = most;
    this.#left = most;
    this.#at = now;
  }

  /** Takes one, or so many. @returns milliseconds until the next one may be taken; 0 while there are some left */
  take(now: number, count = 1): number {
    this.#grow(now);
    this.#left -= count;
    return this.wait(now);
  }

  /** @returns milliseconds until one may be taken */
  wait(now: number): number {
    this.#grow(now);
    return this.#left >= 0 ? 0 : (-this.#left / this.#perSecond) * 1000;
  }

  #grow(now: number): void {
    this.#left = Math.min(this.#most, this.#left + (Math.max(0, now - this.#at) / 1000) * this.#perSecond);
    this.#at = Math.max(this.#at, now);
  }
}
