/** The body of a prediction request: one sample, or a list of them, checked field by field. */
import type { PlanPrediction } from '../../spec/plan.ts';
import { type Dataset, sizeOf } from '../data/dataset.ts';
import { objectsTable } from '../data/formats/json-lines.ts';
import { tableDataset } from '../data/formats/table.ts';
import { checkLabels } from '../data/labels.ts';
import { UserError } from '../support/errors.ts';
import { wholeFields } from '../training/steps.ts';

/** Of one request. */
const MAX_SAMPLES = 4096;
/** Of one sample beyond its fields: what it holds besides is not read. */
const MAX_OTHER_VALUES = 64;

export interface Samples {
  readonly dataset: Dataset;
  /** One sample was sent alone: its prediction goes back alone. */
  readonly single: boolean;
}

/**
 * @param body `{"image": …}`, or a list of such
 * @param bytes of its text
 * @throws UserError `serve/body`, `data/…` naming sample and field
 */
export function readSamples(body: unknown, prediction: PlanPrediction, bytes: number): Samples {
  const single = !Array.isArray(body);
  const list: unknown[] = Array.isArray(body) ? body : [body];
  if (list.length === 0)
    throw new UserError('serve/body', 'the list holds no samples', `send ${exampleOf(prediction)}`);
  if (list.length > MAX_SAMPLES)
    throw new UserError(
      'serve/body',
      `${list.length} samples in one request, more than ${MAX_SAMPLES}`,
      'send several requests',
    );
  const wrong = list.findIndex((sample) => typeof sample !== 'object' || sample === null || Array.isArray(sample));
  if (wrong >= 0)
    throw new UserError('serve/body', `sample ${wrong + 1} is not an object`, `send ${exampleOf(prediction)}`);
  const fields = wholeFields(prediction.inputs);
  const objects = list.map((sample, i) => ({
    place: `sample ${i + 1}`,
    object: sample as Record<string, unknown>,
    text: () => JSON.stringify(sample),
  }));
  const table = objectsTable('request', objects, fields, bytes);
  const dataset = tableDataset('request', table, fields);
  checkLabels(dataset, prediction.inputs);
  return { dataset, single };
}

/** How many numbers, lists and the like a request may hold. */
export function mostValues(prediction: PlanPrediction): number {
  const sizes = wholeFields(prediction.inputs).map(sizeOf);
  return MAX_SAMPLES * sizes.reduce((sum, size) => sum + size, MAX_OTHER_VALUES);
}

function exampleOf(prediction: PlanPrediction): string {
  return `{${prediction.inputs.map((field) => `"${field.name}": […]`).join(', ')}}, or a list of such`;
}
