/** Data of which a part is kept to measure on: `data.file("x.csv", …).split(0.8, seed = 1).train`. */
import type { DataPart } from '../../spec/plan.ts';
import { permutation, stream } from '../../spec/random.ts';
import { boundedCount, MAX_ELEMENTS, ofPresent, zeroed } from '../support/bounded.ts';
import { UserError } from '../support/errors.ts';
import { type Dataset, namesOf } from './dataset.ts';

/**
 * Returns one part of the data. Which samples it has follows from the seed and the number of samples alone; they keep
 * their order. `round(share · n)` samples are `train`.
 * @throws UserError `data/too-small` where a part would have no sample
 */
export function divide(dataset: Dataset, { share, seed, name }: DataPart): Dataset {
  const length = boundedCount(dataset.length, MAX_ELEMENTS, 'samples');
  const trained = Math.round(share * length);
  if (!(trained > 0 && trained < length))
    throw new UserError(
      'data/too-small',
      `${dataset.name} has ${length} samples: a part of ${share} leaves ${trained < length ? 'none to train on' : 'none to test on'}`,
      'take more samples, or another share',
    );
  const order = permutation(stream(seed, 'split'), length);
  const rows = { train: order.subarray(0, trained), test: order.subarray(trained) }[name].toSorted();
  return {
    name: `${dataset.name}.split(${share}, seed = ${seed}).${name}`,
    length: rows.length,
    fields: dataset.fields,
    origin: dataset.origin,
    ...namesOf(dataset),
    gather(field, indices, out) {
      const chosen = zeroed(Float64Array, ofPresent(indices.length));
      for (let k = 0; k < indices.length; k++) {
        const row = rows[indices[k] as number];
        if (row === undefined) throw new RangeError(`row ${indices[k]} of ${rows.length}`);
        chosen[k] = row;
      }
      dataset.gather(field, chosen, out);
    },
  };
}
