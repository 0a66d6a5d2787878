/**
 * Whether a shard looks for a frame before it sleeps. Where frames come soon looking is quicker: a core that sleeps has to
 * be woken. Where they come late, or where the shards that send them want this very core, looking only costs. So it looks
 * while that finds something, and the more rarely the more often it was in vain.
 */

/** So many waits in a row it may look in vain once in a while, as where a call ends. */
const MAX_CREDIT = 6;
/** Each look in vain costs so many times what the one before it did. */
const DEARER = 4;
const DEAREST = 256;

export class LookOut {
  #credit = 1;
  #price = 1;

  /** Whether to look in this wait. */
  get looks(): boolean {
    return this.#credit > 0;
  }

  /** Something came while it looked, and had nothing else to do. */
  found(): void {
    this.#price = 1;
    this.#earn();
  }

  /** Something was there before it had to look. */
  wasThere(): void {
    this.#earn();
  }

  /** It slept without having looked. */
  slept(): void {
    this.#earn();
  }

  /** It has looked, and nothing came. */
  inVain(): void {
    this.#credit -= this.#price;
    this.#price = Math.min(DEAREST, DEARER * this.#price);
  }

  #earn(): void {
    this.#credit = Math.min(MAX_CREDIT, this.#credit + 1);
  }
}
