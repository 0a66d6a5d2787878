/** The answer to the body of a request, by weights that are loaded. */
import type { PlanPrediction } from '../../spec/plan.ts';
import { HttpError } from '../http/http-error.ts';
import { predictAll } from '../shard/evaluate.ts';
import { classesOfReads, notFiniteRead, predictedRow } from '../shard/rows.ts';
import { UserError } from '../support/errors.ts';
import { checkedJson } from './checked-json.ts';
import { FREE } from './paid.ts';
import type { Loaded } from './predictor.ts';
import { mostValues, readSamples } from './samples.ts';

/**
 * @param bytes of the body: one sample, or a list of them
 * @param pay takes the price of so many predictions before they are made
 * @throws UserError `serve/body`, `data/…`, `task/unknown`; HttpError `predict/not-finite`; what `pay` does
 */
export async function answerTo(
  { plan, shard, classes }: Pick<Loaded, 'plan' | 'shard' | 'classes'>,
  task: string,
  bytes: Uint8Array,
  pay = FREE,
): Promise<{ readonly body: string; readonly count: number }> {
  const prediction = predictionOf(plan.predictions, task);
  const names = classesOfReads(plan, prediction, classes);
  const { dataset, single } = readSamples(checkedJson(bytes, mostValues(prediction)), prediction, bytes.length);
  const rows: unknown[] = [];
  const taken = pay(dataset.length);
  try {
    for await (const batch of predictAll(shard, prediction, dataset))
      for (let i = 0; i < batch.count; i++) {
        refuseNotFinite(notFiniteRead(prediction, batch, i), single ? undefined : batch.first + i + 1);
        rows.push(predictedRow(prediction, batch, i, names));
      }
  } catch (error) {
    taken.back();
    throw error;
  }
  taken.done();
  return { body: JSON.stringify(single ? rows[0] : rows), count: rows.length };
}

/** JSON has no word for such a number, and a client would take `null` for an answer. */
function refuseNotFinite(read: string | undefined, sample: number | undefined): void {
  if (read === undefined) return;
  const where = sample === undefined ? '' : ` of sample ${sample}`;
  throw new HttpError(422, 'predict/not-finite', `the prediction${where} is not finite: ${read} has no finite value`, {
    repair: 'send values like those that the model was trained on',
  });
}

function predictionOf(predictions: readonly PlanPrediction[], task: string): PlanPrediction {
  const found = predictions.find((p) => p.task === task);
  if (!found) throw new UserError('task/unknown', `the newest weights have no predict block ${task}`);
  return found;
}
