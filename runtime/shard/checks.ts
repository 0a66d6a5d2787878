/** The checks of a model, measured on their data. */
import type { Plan, PlanCheck } from '../../spec/plan.ts';
import type { Dataset } from '../data/dataset.ts';
import { predictionOf } from '../training/evaluations.ts';
import { holds } from '../training/metrics.ts';
import { measureAll } from './evaluate.ts';
import type { Shard } from './shard.ts';
import { UNWATCHED, type Watch } from './watch.ts';

export interface CheckResult {
  readonly check: string;
  readonly value: number;
  readonly pass: boolean;
}

/**
 * @param datasets of each check of the plan
 * @param known results that need no measuring any more
 * @throws Stopped
 */
export async function runChecks(
  plan: Plan,
  shard: Shard,
  datasets: readonly Dataset[],
  watch: (data: string) => Watch = () => UNWATCHED,
  known: readonly CheckResult[] = [],
): Promise<CheckResult[]> {
  const found = new Map<PlanCheck, CheckResult>();
  for (const [i, check] of plan.checks.entries()) {
    const dataset = datasets[i];
    const prediction = predictionOf(plan, check);
    if (!dataset || !prediction || found.has(check)) continue;
    const before = known.find((r) => r.check === check.text);
    if (before) {
      found.set(check, before);
      continue;
    }
    const isOpen = (c: PlanCheck): boolean => !found.has(c) && !known.some((r) => r.check === c.text);
    const alike = plan.checks.filter((c) => isOpen(c) && isOfOnePrediction(c, check));
    const values = await measureAll(shard, prediction, alike, dataset, watch(dataset.name));
    alike.forEach((c, k) => {
      const value = values[k] ?? Number.NaN;
      found.set(c, { check: c.text, value, pass: holds(c, value) });
    });
  }
  return plan.checks.flatMap((check) => found.get(check) ?? []);
}

/** Whether two checks read the same task on the same data, so that predicting once tells both. */
function isOfOnePrediction(one: PlanCheck, other: PlanCheck): boolean {
  return one.task === other.task && JSON.stringify(one.data) === JSON.stringify(other.data);
}

/** Of the first accuracy check; null where the model has none. */
export function accuracyOf(plan: Plan, results: readonly CheckResult[]): number | null {
  const first = plan.checks.find((c) => c.metric === 'accuracy');
  return results.find((r) => r.check === first?.text)?.value ?? null;
}
