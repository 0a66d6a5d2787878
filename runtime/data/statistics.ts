/** Statistics of the training set that `standardize(sample.image)` needs. */
import { sizeOf as elementsOf, type State } from '../../spec/program.ts';
import { boundedCount, MAX_ELEMENTS, rowNumbers, zeroed } from '../support/bounded.ts';
import { allocate, type Dataset, type FieldArray, findField, sizeOf } from './dataset.ts';

export interface Standardization {
  /** Mean of each element over the samples, in the field's own units. */
  readonly mean: Float32Array;
  /** Standard deviation of everything after centring: ONE number. 1 where the data is constant. */
  readonly scale: number;
}

const ROWS = 256;

/**
 * Centres by element and divides by one scale: (x - mean) / scale. One scale, because a division by each pixel's own
 * deviation blows up the pixels at the edge that are almost never lit.
 * @param size elements that are centred together; of a sequence those of one step (default: all of a sample)
 */
export function standardization(
  dataset: Dataset,
  fieldName: string,
  size: number = sizeOf(findField(dataset, fieldName)),
): Standardization {
  const rows = (dataset.length * sizeOf(findField(dataset, fieldName))) / size;
  const sum = zeroed(Float64Array, boundedCount(size, MAX_ELEMENTS, `elements of ${fieldName}`));
  for (const values of pieces(dataset, fieldName)) addRows(sum, values);
  const mean = sum.map((s) => s / Math.max(1, rows));
  let squares = 0;
  for (const values of pieces(dataset, fieldName)) squares += squaresOf(mean, values);
  const deviation = Math.sqrt(squares / Math.max(1, rows * size));
  return { mean: Float32Array.from(mean), scale: deviation > 0 ? deviation : 1 };
}

/** Statistics that `standardize` needs of the training data, by field. */
export function statisticsOf(states: readonly State[], dataset: Dataset): Map<string, Standardization> {
  const found = new Map<string, Standardization>();
  for (const { init } of states)
    if (init.kind === 'statistic' && !found.has(init.field))
      found.set(init.field, standardization(dataset, init.field, elementOf(states, init.field)));
  return found;
}

/** Elements of what is centred as one: of a sequence those of one step. */
function elementOf(states: readonly State[], field: string): number | undefined {
  const mean = states.find(({ init }) => init.kind === 'statistic' && init.field === field && init.what === 'mean');
  return mean && elementsOf(mean.shape);
}

/** All samples in order, some rows at a time, in one array that is used again. */
function* pieces(dataset: Dataset, fieldName: string): Generator<FieldArray> {
  const field = findField(dataset, fieldName);
  const buffer = allocate(field, ROWS);
  for (let from = 0; from < dataset.length; from += ROWS) {
    const rows = Math.min(ROWS, dataset.length - from);
    const values = buffer.subarray(0, rows * sizeOf(field));
    const indices = rowNumbers(boundedCount(rows, ROWS, 'rows'), from);
    dataset.gather(fieldName, indices, values);
    yield values;
  }
}

function addRows(sum: Float64Array, values: FieldArray): void {
  const size = sum.length;
  for (let row = 0; row < values.length; row += size) {
    for (let e = 0; e < size; e++) sum[e] = (sum[e] as number) + (values[row + e] as number);
  }
}

function squaresOf(mean: Float64Array, values: FieldArray): number {
  const size = mean.length;
  let squares = 0;
  for (let row = 0; row < values.length; row += size) {
    for (let e = 0; e < size; e++) {
      const centred = (values[row + e] as number) - (mean[e] as number);
      squares += centred * centred;
    }
  }
  return squares;
}
