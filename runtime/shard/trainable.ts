/** The data of a training, and whether they can be trained on. */
import type { Plan, PlanCheck, PlanData, PlanField, PlanTraining } from '../../spec/plan.ts';
import { type Dataset, findField } from '../data/dataset.ts';
import { checkLabels } from '../data/labels.ts';
import { nmc } from '../support/command-text.ts';
import { UserError } from '../support/errors.ts';
import { predictionOf, validatedBy } from '../training/evaluations.ts';

export interface TrainingData {
  readonly train: Dataset;
  readonly validation?: Dataset;
  /** Data of each check of the plan, in its order. */
  readonly checks: readonly Dataset[];
}

/** @throws UserError `data/too-small`, `data/field` before anything is written that training on these data needs */
export function assertTrainable(plan: Plan, training: PlanTraining, data: TrainingData): void {
  const { train } = data;
  for (const { name } of training.inputs) findField(train, name);
  if (train.length < training.batch)
    throw new UserError(
      'data/too-small',
      `${train.name} has ${train.length} samples, fewer than one batch of ${training.batch}`,
      train.length > 0 ? `use a smaller batch (--batch ${train.length}), or more data` : 'add samples to it',
    );
  for (const { check, dataset, fields } of measuredIn(plan, data)) {
    for (const name of fields) findField(dataset, name);
    if (dataset.length === 0)
      throw new UserError('data/too-small', `${dataset.name} has no samples to check \`${check.text}\` on`);
  }
}

interface Measured {
  readonly check: PlanCheck;
  readonly from: PlanData;
  readonly dataset: Dataset;
  /** Names of those that are read. */
  readonly fields: readonly string[];
}

/** Data that a training measures on: those of each check, then those of validation. */
export function measuredIn(plan: Plan, data: TrainingData): Measured[] {
  const all = plan.checks.map((check, i) => ({ check, from: check.data, dataset: data.checks[i] }));
  const [by, from] = [validatedBy(plan), plan.training?.validation];
  if (by && from) all.push({ check: by, from, dataset: data.validation });
  return all.flatMap(({ check, from, dataset }) => {
    const prediction = predictionOf(plan, check);
    if (!dataset || !prediction) return [];
    return [{ check, from, dataset, fields: [check.field, ...prediction.inputs.map((f) => f.name)] }];
  });
}

/**
 * @param where it is to be trained, @throws UserError `train/last` where the last part of an epoch cannot be trained
 */
export function assertDropsLast({ task, last }: Pick<PlanTraining, 'task' | 'last'>, where: string): void {
  if (last !== 'keep') return;
  throw new UserError(
    'train/last',
    `${task} trains the last part of an epoch (\`last = keep\`), which is not possible ${where}`,
    `leave \`last = keep\` out, or train it in one piece: ${nmc`train FILE`}`,
  );
}

/** @throws UserError `data/label` for a label that the model has no place for */
export function assertLabels(plan: Plan, training: PlanTraining, { train, validation, checks }: TrainingData): void {
  checkLabels(train, training.inputs);
  checks.forEach((dataset, i) => {
    checkLabels(dataset, labelledOf(plan, plan.checks[i]));
  });
  if (validation) checkLabels(validation, labelledOf(plan, validatedBy(plan)));
}

/** What a check reads: the fields of its prediction, and the right answers, which are what training had places for. */
export function labelledOf(plan: Plan, check: PlanCheck | undefined): PlanField[] {
  if (!check) return [];
  const { field: name, classes } = check;
  const scored: PlanField[] = classes === undefined ? [] : [{ name, type: 'i32', shape: [], labels: [0, classes - 1] }];
  const answers = [...scored, ...(plan.training?.inputs.filter((field) => field.name === name) ?? [])];
  return [...(predictionOf(plan, check)?.inputs ?? []), ...answers];
}
