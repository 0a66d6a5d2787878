/** Labels without a place in a task are refused before they are used for training or checks. */
import type { PlanField } from '../../spec/plan.ts';
import { boundedCount, rowNumbers } from '../support/bounded.ts';
import { UserError } from '../support/errors.ts';
import { allocate, type Dataset, sizeOf } from './dataset.ts';

/** Rows looked at in one go. */
const PIECE = 4096;

type Labelled = Pick<PlanField, 'name' | 'labels'>;

/**
 * @param fields those with `labels` are looked at, where the data have them
 * @throws UserError `data/label` naming the sample and the field
 */
export function checkLabels(dataset: Dataset, fields: readonly Labelled[]): void {
  for (const { name, labels } of fields) {
    const field = dataset.fields.find((f) => f.name === name);
    if (!labels || !field) continue;
    const [first, last] = labels;
    const size = sizeOf(field);
    for (let from = 0; from < dataset.length; from += PIECE) {
      const count = boundedCount(Math.min(PIECE, dataset.length - from), PIECE, 'rows of labels');
      const values = allocate(field, count);
      dataset.gather(name, rowNumbers(count, from), values);
      const wrong = values.findIndex((value) => !(value >= first && value < last + 1));
      if (wrong < 0) continue;
      const names = dataset.classes?.[name];
      const sample = from + Math.floor(wrong / size) + 1;
      throw new UserError(
        'data/label',
        `${dataset.name}: sample ${sample} of ${dataset.length}: \`${name}\` is ${values[wrong]}, and the model has places for ${first} to ${last}`,
        names
          ? `there are ${names.length} classes (${names.slice(0, 10).join(', ')}): \`one_hot(sample.${name}, ${names.length})\``
          : 'count the labels from 0 and give `one_hot` their number, or clamp with a condition: `when`',
      );
    }
  }
}
