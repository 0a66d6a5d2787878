/**
 * What a shard does while it waits for a frame: hashes and signatures, which no neighbour waits for, a piece at a time,
 * each when nothing has come. A frame that comes within a piece is late by no more than that. It looks for a while before
 * it sleeps, for to be woken takes longer than a turn of the event loop, and it sleeps for a while before its trainer is
 * told, for that takes longer still. Where its device works on another core it does the same pieces meanwhile: frames of
 * megabytes would else wait for the hashes of those before them.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';

export interface MeanwhilePort {
  /** Does a piece. @returns whether there was one */
  readonly settleOne: () => boolean;
  /** So much waits that all of it has to be done before more comes. */
  readonly isLate: () => boolean;
  /** Nothing that comes is of use any more. */
  readonly isOver: () => boolean;
  /** Milliseconds since any moment. */
  readonly now: () => number;
  /** It sleeps for so many milliseconds at most; absent: not at all. */
  readonly asleep?: number | undefined;
  /** Its device works on another core, and leaves this one free. */
  readonly isApart?: boolean;
}

/** It sleeps when nothing has come for so long. */
const AWAKE_MS = 0.1;
/** Waits of which it sleeps in each at once, when it has looked in vain: then frames come later, or others want the core. */
const SLEEPS = 15;

export class Meanwhile {
  readonly #port: MeanwhilePort;
  #looks = false;
  #hasHeard = false;
  #sleeps = 0;
  #wake: () => void = () => undefined;
  /** What the device is at. */
  #work: Promise<unknown> | undefined;
  #isAtPieces = false;
  #failure: { readonly error: unknown } | undefined;

  constructor(port: MeanwhilePort) {
    this.#port = port;
  }

  /** Something has come. @returns whether `hears` says it */
  hear(): boolean {
    this.#hasHeard = true;
    this.#wake();
    this.#doPieces();
    return this.#looks;
  }

  /** What has come so far is known. */
  forget(): void {
    this.#hasHeard = false;
  }

  /**
   * @param work goes on while this thread does pieces
   * @returns the same; it fails as well where a piece does
   */
  beside<T>(work: Promise<T>): Promise<T> {
    if (this.#port.isApart !== true) return work;
    this.#work = work;
    this.#doPieces();
    return work
      .finally(() => {
        this.#work = undefined;
      })
      .then((value) => {
        if (this.#failure) throw this.#failure.error;
        return value;
      });
  }

  /** As long as the device works, one a turn of the event loop: what it has done is seen in between. */
  #doPieces(): void {
    if (!this.#work || this.#isAtPieces) return;
    this.#isAtPieces = true;
    const next = (): void => {
      if (this.#work && this.#doPiece()) setImmediate(next);
      else this.#isAtPieces = false;
    };
    setImmediate(next);
  }

  /** @returns whether there was one */
  #doPiece(): boolean {
    try {
      return !this.#port.isOver() && this.#port.settleOne();
    } catch (error) {
      this.#failure = { error };
      return false;
    }
  }

  /** @returns whether something has come since `forget` */
  async hears(): Promise<boolean> {
    const { settleOne, isLate, isOver, now } = this.#port;
    const end = now() + (this.#sleeps > 0 ? 0 : AWAKE_MS);
    this.#looks = true;
    try {
      for (let isMore = true; isMore || now() < end; ) {
        await nextTurn();
        if (isOver()) return false;
        if (this.#hasHeard && !isLate()) {
          this.#sleeps = 0;
          return true;
        }
        isMore = settleOne();
      }
      this.#sleeps = this.#sleeps > 0 ? this.#sleeps - 1 : SLEEPS;
      return this.#hasHeard || ((await this.#sleep()) && !isOver());
    } finally {
      this.#looks = false;
    }
  }

  /** @returns whether something has come */
  #sleep(): Promise<boolean> {
    const { asleep = 0 } = this.#port;
    if (asleep === 0) return Promise.resolve(false);
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#wake = () => undefined;
        resolve(this.#hasHeard);
      };
      const timer = setTimeout(end, asleep);
      this.#wake = end;
    });
  }
}
