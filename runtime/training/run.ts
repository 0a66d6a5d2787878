/** One training of a plan on its data: what its calls, its sums and its reports are made of. Pure. */
import type { Plan, PlanTraining } from '../../spec/plan.ts';
import type { RunLengths } from './calls.ts';
import type { ReportedRun } from './epoch-report.ts';
import { evaluationsOf, isCheck } from './evaluations.ts';

export interface Run extends RunLengths, ReportedRun {
  readonly evaluations: ReportedRun['evaluations'];
}

interface Sized {
  readonly length: number;
}

/** The data of each evaluation, in their order. */
export function evaluatedOn<D extends Sized>(
  run: Pick<ReportedRun, 'evaluations'>,
  { checks, validation }: { readonly checks: readonly D[]; readonly validation?: D },
): (D | undefined)[] {
  return run.evaluations.map((e, i) => (isCheck(e) ? checks[i] : validation));
}

export function runOf(
  plan: Plan,
  training: PlanTraining,
  data: { readonly train: Sized; readonly checks: readonly Sized[]; readonly validation?: Sized },
  epochs: number,
): Run {
  const { batch, sequence, epsilon, last } = training;
  const evaluations = evaluationsOf(plan);
  return {
    train: data.train,
    checks: evaluatedOn({ evaluations }, data).map((d) => d ?? { length: 0 }),
    batch,
    ...(sequence === undefined ? {} : { sequence }),
    ...(last === undefined ? {} : { last }),
    evaluations,
    epochs,
    ...(epsilon === undefined ? {} : { epsilon }),
  };
}
