/** The checks of a model, measured on their data. */
import type { Plan } from '../../spec/plan.ts';
import type { Dataset } from '../data/dataset.ts';
import { predictionOf } from '../training/evaluations.ts';
import { holds } from '../training/metrics.ts';
import { measure } from './evaluate.ts';
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
  const results: CheckResult[] = [];
  for (const [i, check] of plan.checks.entries()) {
    const dataset = datasets[i];
    const prediction = predictionOf(plan, check);
    if (!dataset || !prediction) continue;
    const before = known.find((r) => r.check === check.text);
    if (before) {
      results.push(before);
      continue;
    }
    const value = await measure(shard, prediction, check, dataset, watch(dataset.name));
    results.push({ check: check.text, value, pass: holds(check, value) });
  }
  return results;
}

/** Of the first accuracy check; null where the model has none. */
export function accuracyOf(plan: Plan, results: readonly CheckResult[]): number | null {
  const first = plan.checks.find((c) => c.metric === 'accuracy');
  return results.find((r) => r.check === first?.text)?.value ?? null;
}
