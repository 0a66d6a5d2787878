/** What an evaluation has compared till now: sums of which its figure is made. */

export interface Compared {
  /** Of right ones, differences or logarithms. */
  readonly sum: number;
  readonly count: number;
  /** Elements or pairs that the sum is a share of, where those are not all elements. */
  readonly of?: number;
}

export const NOTHING: Compared = { sum: 0, count: 0 };
