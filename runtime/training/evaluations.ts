/** Evaluations of a run: the checks of its model, and the data that `validate on` names. Pure. */
import type { Plan, PlanCheck, PlanPrediction } from '../../spec/plan.ts';

export interface Evaluation {
  /** As written in the model. */
  readonly check: string;
  readonly metric: string;
  /** As in `PlanCheck`. */
  readonly classes?: number;
  readonly best?: number;
  readonly class?: number;
  readonly comparison: '>=' | '>' | '<=' | '<' | '==';
  readonly bound: number;
  /** Of the program: `predict.classify`. */
  readonly function: string;
  /** The read, and the field that it is compared with. */
  readonly read: string;
  readonly field: string;
  readonly batch: number;
  /** Steps of a sequence, each a call of its own; absent: samples are not sequences. */
  readonly sequence?: number;
  /** No check of the model but its validation, measured by the check whose text it has. */
  readonly of?: 'validation';
}

/** The checks of the plan in their order, then the validation where the training has one. */
export function evaluationsOf(plan: Plan): Evaluation[] {
  const by = plan.training?.validation && validatedBy(plan);
  const validation = by ? [{ ...evaluationOf(plan, by), of: 'validation' as const }] : [];
  return [...plan.checks.map((check) => evaluationOf(plan, check)), ...validation];
}

function evaluationOf(plan: Plan, check: PlanCheck): Evaluation {
  const { text, metric, comparison, bound, read, field } = check;
  const { function: name = '', batch = 1, sequence } = predictionOf(plan, check) ?? {};
  const steps = sequence === undefined ? {} : { sequence };
  return { check: text, metric, ...numbersOf(check), comparison, bound, read, field, function: name, batch, ...steps };
}

/** The numbers of a check that not every metric has. */
function numbersOf({ classes, best, class: label }: PlanCheck): Pick<Evaluation, 'classes' | 'best' | 'class'> {
  return {
    ...(classes === undefined ? {} : { classes }),
    ...(best === undefined ? {} : { best }),
    ...(label === undefined ? {} : { class: label }),
  };
}

export function predictionOf(plan: Plan, { task }: Pick<PlanCheck, 'task'>): PlanPrediction | undefined {
  return plan.predictions.find((p) => p.task === task);
}

/** The measure of a validation: the first accuracy, else the first check there is. */
export function validatedBy({ checks }: Pick<Plan, 'checks'>): PlanCheck | undefined {
  return checks.find((c) => c.metric === 'accuracy') ?? checks[0];
}

export function isCheck({ of }: Pick<Evaluation, 'of'>): boolean {
  return of === undefined;
}

/** Which evaluation an epoch reports as its accuracy: the first check of that metric; -1 where there is none. */
export function accuracyIn(evaluations: readonly Evaluation[]): number {
  return evaluations.findIndex((e) => e.metric === 'accuracy' && isCheck(e));
}

/** Which evaluation an epoch reports as its validation; -1 where there is none. */
export function validationIn(evaluations: readonly Evaluation[]): number {
  return evaluations.findIndex((e) => !isCheck(e));
}
