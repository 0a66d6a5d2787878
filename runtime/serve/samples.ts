/** The body of a prediction request: one sample, or a list of them, checked field by field. */
import type { PlanPrediction } from '../../spec/plan.ts';
import type { Dataset } from '../data/dataset.ts';
import { parseJsonLines } from '../data/formats/json-lines.ts';
import { tableDataset } from '../data/formats/table.ts';
import { wholeFields } from '../shard/steps.ts';
import { UserError } from '../support/errors.ts';

export interface Samples {
  readonly dataset: Dataset;
  /** One sample was sent alone: its prediction goes back alone. */
  readonly single: boolean;
}

/**
 * @param body `{"image": …}`, or a list of such
 * @param most samples of one request
 * @throws UserError `serve/body`, `data/…` naming sample and field
 */
export function readSamples(body: unknown, prediction: PlanPrediction, most: number): Samples {
  const single = !Array.isArray(body);
  const list: unknown[] = Array.isArray(body) ? body : [body];
  if (list.length === 0)
    throw new UserError('serve/body', 'the list holds no samples', `send ${exampleOf(prediction)}`);
  if (list.length > most)
    throw new UserError(
      'serve/body',
      `${list.length} samples in one request, more than ${most}`,
      'send several requests',
    );
  const wrong = list.findIndex((sample) => typeof sample !== 'object' || sample === null || Array.isArray(sample));
  if (wrong >= 0)
    throw new UserError('serve/body', `sample ${wrong + 1} is no object`, `send ${exampleOf(prediction)}`);
  const text = list.map((sample) => JSON.stringify(sample)).join('\n');
  const fields = wholeFields(prediction.inputs);
  const table = parseJsonLines('request', text, fields);
  return { dataset: tableDataset('request', table, fields), single };
}

function exampleOf(prediction: PlanPrediction): string {
  return `{${prediction.inputs.map((field) => `"${field.name}": […]`).join(', ')}}, or a list of such`;
}
