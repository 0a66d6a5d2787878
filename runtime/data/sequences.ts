/** Samples in a row as one: `data.mnist.train[0..99].sequences(10)` has ten sequences of ten pictures. */

import { boundedCount, MAX_ELEMENTS, zeroed } from '../support/bounded.ts';
import { UserError } from '../support/errors.ts';
import { type Dataset, type FieldArray, namesOf } from './dataset.ts';

/**
 * The rest at the end is left out, and counted. Each field gets the axis of steps in front.
 * @throws UserError `data/too-small` where not even one sequence is there
 */
export function sequences(dataset: Dataset, steps: number): Dataset {
  const length = Math.floor(dataset.length / steps);
  if (length === 0)
    throw new UserError(
      'data/too-small',
      `${dataset.name} has ${dataset.length} samples, fewer than one sequence of ${steps}`,
      `take more samples, or \`.sequences(${Math.max(1, dataset.length)})\``,
    );
  return {
    name: `${dataset.name}.sequences(${steps})`,
    length,
    fields: dataset.fields.map((field) => ({ ...field, shape: [steps, ...field.shape] })),
    origin: dataset.origin,
    ...namesOf(dataset),
    ...(dataset.length % steps > 0 ? { rest: dataset.length % steps } : {}),
    gather(field: string, indices: ArrayLike<number>, out: FieldArray): void {
      const rows = zeroed(Float64Array, boundedCount(indices.length * steps, MAX_ELEMENTS, 'rows of sequences'));
      for (let k = 0; k < indices.length; k++) {
        const index = indices[k] as number;
        if (!(index >= 0 && index < length)) throw new RangeError(`sequence ${index} of ${length}`);
        for (let s = 0; s < steps; s++) rows[k * steps + s] = index * steps + s;
      }
      dataset.gather(field, rows, out);
    },
  };
}
