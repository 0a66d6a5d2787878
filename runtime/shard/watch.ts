/** Progress of long work, and the request to end it early. */

export interface Watch {
  /** Asked between two batches. */
  readonly stopRequested: () => boolean;
  /** @param done samples of `total` */
  readonly progress: (done: number, total: number) => void;
}

export const UNWATCHED: Watch = { stopRequested: () => false, progress: () => undefined };

/** Thrown by work that was asked to stop: not an error, but there is no result. */
export class Stopped extends Error {
  override readonly name = 'Stopped';
}
