/** What a plan has decided that its text leaves open: a plan or program made of that text again keeps to it. */
import { withRate } from '../../../compiler/5-program/auto-rate.ts';
import type { Selected } from '../../../compiler/compile.ts';
import type { Plan } from '../../../spec/plan.ts';

/** With the nodes that keep values there (`values = …`), and the rate where that was `auto`. */
export function asPlanned<S extends Selected>(selected: S, { training }: Pick<Plan, 'training'>): S {
  const { values, found } = training ?? {};
  const { task } = selected;
  return {
    ...selected,
    ...(task && found ? { task: { ...withRate(task, found.rate), found } } : {}),
    ...(values ? { kept: new Set(values.nodes) } : {}),
  };
}
