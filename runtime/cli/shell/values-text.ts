/** Which nodes keep values, in one line. */
import type { PlanTraining } from '../../../spec/plan.ts';

/** More names would be a page of them. */
const MAX_SHOWN = 12;

/** @param values of a task that keeps those of some nodes */
export function valuesText({ at, nodes }: NonNullable<PlanTraining['values']>): string {
  const shown = nodes.slice(0, MAX_SHOWN).join(', ');
  const more = nodes.length > MAX_SHOWN ? ` and ${nodes.length - MAX_SHOWN} more` : '';
  return `values ${nodes.length === 0 ? 'none: every free node is its prediction' : `${shown}${more}`}    (values = ${at})`;
}
