/** Plans with all their files in memory, cut as `nmc compile` cuts them. */
import type { CannotCut } from '../../compiler/6-partition/cannot-cut.ts';
import { type BuiltPlan, builtOf, draftPlan } from '../../compiler/8-plan/build.ts';
import { buildPlan, type PlanInputs, type PlanOptions, type Staged } from '../../compiler/compile.ts';
import { batchTime } from '../../runtime/cli/planning/cut-time.ts';

const INPUTS: PlanInputs = { compiler: 'nmc', modules: [] };

/** @throws Error where it cannot be cut so */
export function builtPlan(staged: Staged, options?: PlanOptions, inputs?: PlanInputs): BuiltPlan {
  const result = builtPlanOrWhyNot(staged, options, inputs);
  if (result.kind !== 'plan') throw new Error(result.reason);
  return result.built;
}

export function builtPlanOrWhyNot(
  staged: Staged,
  options: PlanOptions = {},
  inputs = INPUTS,
): { readonly kind: 'plan'; readonly built: BuiltPlan } | CannotCut {
  const result = buildPlan(staged, inputs, { batchTime, ...options });
  return result.kind === 'draft' ? { kind: 'plan', built: builtOf(result.draft) } : result;
}

/** Of one shard, whose device makes everything of the program itself. */
export function planWithoutFiles(staged: Staged): BuiltPlan {
  return builtOf(draftPlan({ ...INPUTS, ...staged, cpu: new Map() }));
}
