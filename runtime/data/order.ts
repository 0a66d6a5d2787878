/** The order of samples: a function of (seed, epoch) alone, so a resumed run continues exactly where it stopped. */
import { permutation, stream } from '../../spec/random.ts';
import { boundedCount, MAX_ELEMENTS, rowNumbers } from '../support/bounded.ts';

export interface OrderOptions {
  readonly seed: number;
  readonly epoch: number;
  /** Number of samples. */
  readonly length: number;
  /** Samples per batch. */
  readonly batch: number;
  /** Leave out a last batch that is not full (default false). */
  readonly dropLast?: boolean;
  /** False: the samples as they lie, for evaluation (default true). */
  readonly shuffle?: boolean;
}

export interface BatchOrder {
  /** Number of batches. */
  readonly batches: number;
  /** The samples of batch `b`: a view, not to be changed. */
  indices(b: number): Uint32Array;
}

/** Number of batches in one epoch. */
export function batchCount(length: number, batch: number, dropLast = false): number {
  return dropLast ? Math.floor(length / batch) : Math.ceil(length / batch);
}

/** The batches of one epoch: batch `b` is the b-th slice of `permutation(stream(seed, 'order/' + epoch), length)`. */
export function batchOrder(options: OrderOptions): BatchOrder {
  const { seed, epoch, batch, dropLast = false, shuffle = true } = options;
  const length = boundedCount(options.length, MAX_ELEMENTS, 'samples');
  const order = shuffle ? permutation(stream(seed, `order/${epoch}`), length) : rowNumbers(length);
  const batches = batchCount(length, batch, dropLast);
  return {
    batches,
    indices(b) {
      if (!(b >= 0 && b < batches)) throw new RangeError(`batch ${b} of ${batches}`);
      return order.subarray(b * batch, Math.min(length, (b + 1) * batch));
    },
  };
}
