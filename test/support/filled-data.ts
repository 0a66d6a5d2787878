/** Data sets whose numbers follow from their places, for trainings of which only the way is looked at. */
import { type Dataset, memoryDataset } from '../../runtime/data/dataset.ts';
import { stream } from '../../spec/random.ts';

/**
 * Columns x and y of f32 vectors.
 *
 * @param sizes of their vectors
 * @param value of a number of a column, by its place and the column's size
 */
export function filledData(
  name: string,
  samples: number,
  sizes: { readonly x: number; readonly y: number },
  value: (i: number, size: number) => number,
): Dataset {
  const columns = Object.entries(sizes).map(([column, size]) => ({
    field: { name: column, type: 'f32' as const, shape: [size] },
    data: Float32Array.from({ length: samples * size }, (_, i) => value(i, size)),
  }));
  return memoryDataset(name, 'made', columns);
}

/** Normal numbers. */
export function normalData(name: string, samples: number, sizes: { readonly x: number; readonly y: number }): Dataset {
  const rng = stream(3, 'points');
  return filledData(name, samples, sizes, (i, size) => rng.normal(size * 1000 + i));
}
