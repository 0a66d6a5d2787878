/**
 * One direction of a link that is slower than the real one: a token bucket, through which bytes leave at a rate, and a
 * delay line behind it, in which they stay for a time. What goes in first comes out first.
 */

/** The clock of a line, which also calls back later. */
export interface LineClock {
  /** Milliseconds since any moment. */
  readonly now: () => number;
  readonly later: (what: () => void, milliseconds: number) => void;
}

export interface LineOptions {
  /** Nothing: no bound. */
  readonly bytesPerSecond?: number | undefined;
  readonly delayMilliseconds: number;
}

/** Bytes that may leave at once after a rest: the depth of the bucket, one Ethernet frame. */
export const BURST_BYTES = 1500;

/** A timer tells no shorter time. */
const STRETCH_SECONDS = 0.002;

const nothing = (): void => undefined;

interface Waiting {
  readonly at: number;
  readonly out: () => void;
}

export class EmulatedLine {
  readonly #options: LineOptions;
  readonly #clock: LineClock;
  /** When the last of what was put in has left the bucket. */
  #free = Number.NEGATIVE_INFINITY;
  #waiting: Waiting[] = [];
  #releasing = false;
  /** The moment for which the clock will call back. */
  #armedFor = Number.POSITIVE_INFINITY;

  constructor(options: LineOptions, clock: LineClock) {
    this.#options = options;
    this.#clock = clock;
  }

  /**
   * Bytes come out as they would on a real link, a little after the other, not all at the end.
   * @param arrived called with each stretch of them that comes out
   */
  carryAll(bytes: Uint8Array, sent: () => void, arrived: (stretch: Uint8Array) => void): void {
    const { bytesPerSecond } = this.#options;
    const most = bytesPerSecond === undefined ? bytes.length : Math.max(BURST_BYTES, bytesPerSecond * STRETCH_SECONDS);
    const length = Math.max(1, Math.ceil(most));
    for (let at = 0; at < bytes.length; at += length) {
      const stretch = bytes.subarray(at, at + length);
      const last = at + length >= bytes.length;
      this.carry(stretch.length, last ? sent : nothing, () => arrived(stretch));
    }
    if (bytes.length === 0) this.carry(0, sent, nothing);
  }

  /**
   * @param sent called when the bytes have left the bucket: then there is room for more
   * @param arrived called when they come out at the far end
   */
  carry(bytes: number, sent: () => void, arrived: () => void): void {
    const now = this.#clock.now();
    const left = this.#leaves(bytes, now);
    this.#put({ at: left, out: sent });
    this.#put({ at: left + this.#options.delayMilliseconds, out: arrived });
    this.#arm();
  }

  #leaves(bytes: number, now: number): number {
    const { bytesPerSecond } = this.#options;
    if (bytesPerSecond === undefined) return now;
    const millisecondsPerByte = 1000 / bytesPerSecond;
    this.#free = Math.max(this.#free, now - BURST_BYTES * millisecondsPerByte) + bytes * millisecondsPerByte;
    return Math.max(now, this.#free);
  }

  /** Behind all that come out no later. */
  #put(one: Waiting): void {
    let at = this.#waiting.length;
    while (at > 0 && (this.#waiting[at - 1]?.at ?? 0) > one.at) at--;
    this.#waiting.splice(at, 0, one);
  }

  #arm(): void {
    const [first] = this.#waiting;
    if (!first || first.at >= this.#armedFor) return;
    const wait = first.at - this.#clock.now();
    if (wait <= 0) {
      this.#release();
      return;
    }
    const at = first.at;
    this.#armedFor = at;
    this.#clock.later(() => {
      if (this.#armedFor === at) this.#armedFor = Number.POSITIVE_INFINITY;
      this.#release();
    }, wait);
  }

  #release(): void {
    // What comes out may put something in: that waits for its turn.
    if (this.#releasing) return;
    this.#releasing = true;
    try {
      for (let first = this.#waiting[0]; first && first.at <= this.#clock.now(); first = this.#waiting[0]) {
        this.#waiting.shift();
        first.out();
      }
    } finally {
      this.#releasing = false;
    }
    this.#arm();
  }
}
