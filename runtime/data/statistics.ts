/** What `standardize(sample.image)` needs to know of the training set. */
import { allocate, type Dataset, findField, sizeOf } from './dataset.ts';

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
 */
export function standardization(dataset: Dataset, fieldName: string): Standardization {
  const size = sizeOf(findField(dataset, fieldName));
  const sum = new Float64Array(size);
  eachRow(dataset, fieldName, (values, offset) => {
    for (let e = 0; e < size; e++) sum[e] = (sum[e] as number) + (values[offset + e] as number);
  });
  const mean = sum.map((s) => s / Math.max(1, dataset.length));
  let squares = 0;
  eachRow(dataset, fieldName, (values, offset) => {
    for (let e = 0; e < size; e++) {
      const centred = (values[offset + e] as number) - (mean[e] as number);
      squares += centred * centred;
    }
  });
  const deviation = Math.sqrt(squares / Math.max(1, dataset.length * size));
  return { mean: Float32Array.from(mean), scale: deviation > 0 ? deviation : 1 };
}

function eachRow(
  dataset: Dataset,
  fieldName: string,
  visit: (values: ArrayLike<number>, offset: number) => void,
): void {
  const field = findField(dataset, fieldName);
  const size = sizeOf(field);
  for (let from = 0; from < dataset.length; from += ROWS) {
    const rows = Math.min(ROWS, dataset.length - from);
    const values = allocate(field, rows);
    dataset.gather(
      fieldName,
      Uint32Array.from({ length: rows }, (_, k) => from + k),
      values,
    );
    for (let row = 0; row < rows; row++) visit(values, row * size);
  }
}
