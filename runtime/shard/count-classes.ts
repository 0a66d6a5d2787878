/** Counts what the elements of each class are read as, over a whole data set. */
import { scoresName } from '../../spec/names.ts';
import type { PlanCheck, PlanPrediction } from '../../spec/plan.ts';
import { type Dataset, findField } from '../data/dataset.ts';
import type { FieldData, Tensor } from '../device/device.ts';
import { boundedCount, listOf } from '../support/bounded.ts';
import { UserError } from '../support/errors.ts';
import type { Confusion } from '../training/confusion.ts';
import { isSound } from '../training/metrics.ts';
import { type PredictedBatch, predictAll } from './evaluate.ts';
import type { Shard } from './shard.ts';
import { Stopped, UNWATCHED, type Watch } from './watch.ts';

/** A table of more could not be read, and a picture of it could not be seen. */
export const MAX_CLASSES = 1000;

/** A read whose elements are classes: chosen by an `argmax`, or scores of which the highest is the class. */
export type ClassRead = Pick<PlanCheck, 'read' | 'field' | 'classes'>;

/**
 * @throws UserError `eval/classes` for more classes than a table has room for, `eval/not-finite`, `data/label`
 * @throws Stopped
 */
export async function countClasses(
  shard: Shard,
  prediction: PlanPrediction,
  of: ClassRead,
  dataset: Dataset,
  watch: Watch = UNWATCHED,
): Promise<Confusion> {
  findField(dataset, of.field);
  let found: { readonly classes: number; readonly counts: number[] } | undefined;
  for await (const batch of predictAll(shard, prediction, dataset, [of.field])) {
    const answers = batch.fields[of.field] as FieldData;
    const { chosen, classes } = chosenIn(prediction, of, batch, answers.length);
    found ??= { classes, counts: listOf(boundedCount(classes ** 2, MAX_CLASSES ** 2, 'cells of a table'), () => 0) };
    for (let i = 0; i < answers.length; i++) {
      const answer = answers[i] as number;
      if (!(Number.isInteger(answer) && answer >= 0 && answer < classes)) throw noPlace(of, dataset, answer, classes);
      const cell = answer * classes + chosen(i);
      found.counts[cell] = (found.counts[cell] ?? 0) + 1;
    }
    const done = batch.first + batch.count;
    watch.progress(done, dataset.length);
    if (watch.stopRequested()) throw new Stopped();
  }
  return found ?? { classes: 0, counts: [] };
}

/** Which class each element is read as, and of how many. */
function chosenIn(
  prediction: PlanPrediction,
  { read, classes: scored }: ClassRead,
  { results }: PredictedBatch,
  elements: number,
): { readonly chosen: (i: number) => number; readonly classes: number } {
  if (!isSound(results, read))
    throw new UserError(
      'eval/not-finite',
      `what \`${prediction.task}.${read}\` reads is not a finite number for every sample, so they have no class`,
      'look at how the training went: a rate may be too high',
    );
  const values = results[read] as Tensor;
  const classes = scored ?? (results[scoresName(read)] as Tensor).length / elements;
  if (classes > MAX_CLASSES)
    throw new UserError(
      'eval/classes',
      `\`${prediction.task}.${read}\` has ${classes} classes, and a table at most ${MAX_CLASSES}`,
      'leave --report out: the checks are measured without it',
    );
  return {
    chosen: scored === undefined ? (i) => values[i] as number : (i) => highest(values, i * scored, scored),
    classes,
  };
}

/** As `argmax` has it: of equal scores the first. */
function highest(scores: Tensor, from: number, classes: number): number {
  let best = 0;
  for (let c = 1; c < classes; c++) if ((scores[from + c] as number) > (scores[from + best] as number)) best = c;
  return best;
}

function noPlace({ field }: ClassRead, { name }: Dataset, answer: number, classes: number): UserError {
  return new UserError(
    'data/label',
    `${name}: \`${field}\` is ${answer}, and the model has places for 0 to ${classes - 1}`,
    'count the labels from 0, and give the model as many classes',
  );
}
