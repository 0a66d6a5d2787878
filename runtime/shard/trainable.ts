/** The data of a training, and whether they can be trained on. */
import type { Plan, PlanTraining } from '../../spec/plan.ts';
import { type Dataset, findField } from '../data/dataset.ts';
import { UserError } from '../support/errors.ts';
import { predictionOf, validatedBy } from './checks.ts';

export interface TrainingData {
  readonly train: Dataset;
  readonly validation?: Dataset;
  /** Data of each check of the plan, in its order. */
  readonly checks: readonly Dataset[];
}

/** Samples of each epoch that do not fill a last batch: which ones, the order of the epoch draws anew. */
export function leftOutOf(train: Dataset, { batch }: PlanTraining): number {
  return train.length % batch;
}

/** @throws UserError `data/too-small`, `data/field` before anything is written that training on these data needs */
export function assertTrainable(plan: Plan, training: PlanTraining, data: TrainingData): void {
  const { train } = data;
  for (const { name } of training.inputs) findField(train, name);
  if (train.length < training.batch)
    throw new UserError(
      'data/too-small',
      `${train.name} has ${train.length} samples, fewer than one batch of ${training.batch}`,
      train.length > 0 ? `use a smaller batch (--batch ${train.length}), or more data` : 'give it some data',
    );
  const measured = plan.checks.map((check, i) => [check, data.checks[i]] as const);
  const by = validatedBy(plan);
  if (by) measured.push([by, data.validation]);
  measured.forEach(([check, dataset]) => {
    const prediction = predictionOf(plan, check);
    if (!dataset || !prediction) return;
    for (const name of [check.field, ...prediction.inputs.map((f) => f.name)]) findField(dataset, name);
    if (dataset.length === 0)
      throw new UserError('data/too-small', `${dataset.name} has no samples to check \`${check.text}\` on`);
  });
}
