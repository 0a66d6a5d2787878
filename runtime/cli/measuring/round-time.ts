/** What a trainer does over and over, a round of a border or a batch, as it is measured while it goes on. */

/** Seconds. */
export interface RoundTime {
  /** Of processors, of both ends and all their threads together. */
  readonly processor: number;
  /** By the clock beyond that: less than nothing where both ends, or their threads, work at once. */
  readonly lag: number;
}
