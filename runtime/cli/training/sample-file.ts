/** `sample.json` of a run folder: one sample of its data, as `nmc predict --input` and the server take it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Plan } from '../../../spec/plan.ts';
import { allocate, type Dataset, type Field, sizeOf } from '../../data/dataset.ts';
import type { TrainingData } from '../../shard/trainable.ts';
import { writeFileAtomic } from '../../support/atomic.ts';
import { ownPath } from '../../support/safe-path.ts';
import { wholeFields } from '../../training/steps.ts';

const SAMPLE_FILE = 'sample.json';
type Nested = number | readonly Nested[];

/** For the first prediction of the plan; nothing is written where the data lack what that reads. */
export function writeSample(directory: string, { predictions, checks }: Plan, data: TrainingData): void {
  const [prediction] = predictions;
  const fields = wholeFields(prediction?.inputs ?? []);
  const measured = data.checks.filter((_, i) => checks[i]?.task === prediction?.task);
  const dataset = [...measured, data.validation, data.train].find((set) => set && hasFields(set, fields));
  if (fields.length === 0 || dataset === undefined) return;
  const sample = Object.fromEntries(fields.map((field) => [field.name, firstOf(dataset, field)]));
  writeFileAtomic(ownPath(directory, SAMPLE_FILE), `${JSON.stringify(sample)}\n`);
}

/** The file of a run, where there is one. */
export function sampleOf(directory: string): string | undefined {
  const path = join(directory, SAMPLE_FILE);
  return existsSync(path) ? path : undefined;
}

function hasFields({ length, fields }: Dataset, wanted: readonly Field[]): boolean {
  const has = (field: Field): boolean =>
    fields.some((f) => f.name === field.name && f.type === field.type && sizeOf(f) === sizeOf(field));
  return length > 0 && wanted.every(has);
}

function firstOf(dataset: Dataset, field: Field): Nested {
  const values = allocate(field, 1);
  dataset.gather(field.name, [0], values);
  return nested([...values], field.shape);
}

function nested(values: readonly number[], [size, ...rest]: readonly number[]): Nested {
  if (size === undefined) return values[0] ?? 0;
  const each = values.length / size;
  return Array.from({ length: size }, (_, i) => nested(values.slice(i * each, (i + 1) * each), rest));
}
