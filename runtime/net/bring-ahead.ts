/** What the next batches read is brought while the one before them is trained on. */

/** Batches of which the data are brought before they are wanted. */
const BATCHES_AHEAD = 4;

export class Ahead {
  readonly #bringBatch: (epoch: number, batch: number) => Promise<void>;
  readonly #batches: number;
  /** One batch after the other. */
  #last: Promise<void> = Promise.resolve();
  #next = { epoch: 0, batch: 0 };

  /** @param batches of an epoch */
  constructor(bringBatch: (epoch: number, batch: number) => Promise<void>, batches: number) {
    this.#bringBatch = bringBatch;
    this.#batches = batches;
  }

  /** The order of one epoch is known at a time: nothing is brought ahead for the next one. */
  bring(epoch: number, batch: number): Promise<void> {
    const isNext = this.#next.epoch === epoch && this.#next.batch >= batch;
    const from = isNext ? this.#next.batch : batch;
    const wanted = this.#bringBatch(epoch, batch);
    for (let b = Math.max(from, batch + 1); b <= Math.min(batch + BATCHES_AHEAD, this.#batches - 1); b++) {
      this.#last = this.#last.then(() => this.#bringBatch(epoch, b)).catch(() => undefined);
      this.#next = { epoch, batch: b + 1 };
    }
    return wanted;
  }
}
