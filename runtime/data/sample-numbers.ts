/** The numbers that a training draws by for each of its samples: a column that no file has. */
import { SAMPLE_NUMBER } from '../../spec/names.ts';
import { sampleNumbers } from '../../spec/random.ts';
import { checkGather, type Dataset, type Field } from './dataset.ts';

const FIELD: Field = { name: SAMPLE_NUMBER, type: 'i32', shape: [] };

/** @param inputs what a training reads; where it does not read the numbers, the data are as they were */
export function withSampleNumbers(
  dataset: Dataset,
  inputs: readonly { readonly name: string }[],
  seed: number,
): Dataset {
  if (!inputs.some(({ name }) => name === SAMPLE_NUMBER)) return dataset;
  const numberOf = sampleNumbers(seed);
  return {
    ...dataset,
    fields: [...dataset.fields, FIELD],
    gather(field, indices, out) {
      if (field !== SAMPLE_NUMBER) return dataset.gather(field, indices, out);
      checkGather(FIELD, indices.length, out);
      for (let k = 0; k < indices.length; k++) out[k] = numberOf(indices[k] as number);
    },
  };
}
