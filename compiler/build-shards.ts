/** From one program to a plan of several shards: pieces, partition, programs, files. Pure. */

import type { CannotCut } from './6-partition/cannot-cut.ts';
import { type CutOptions, cutModel } from './6-partition/cut-model.ts';
import type { Machines } from './6-partition/problem.ts';
import { scheduledMachines } from './6-partition/scheduled-machines.ts';
import { lowerShardsToCpu } from './7-kernels/onnx/shards.ts';
import { type BuiltPlan, builtOf, type PlanDraft } from './8-plan/build.ts';
import { draftShardedPlan } from './8-plan/shards.ts';
import type { PlanInputs, Staged } from './build-program.ts';

/** The plan with all its files in memory. */
export function buildShards(...args: Parameters<typeof draftShards>): { kind: 'plan'; built: BuiltPlan } | CannotCut {
  const drafted = draftShards(...args);
  return drafted.kind === 'draft' ? { kind: 'plan', built: builtOf(drafted.draft) } : drafted;
}

export function draftShards(
  staged: Staged,
  inputs: PlanInputs,
  shards: number,
  machines?: Machines,
  options: CutOptions = {},
): { kind: 'draft'; draft: PlanDraft } | CannotCut {
  const { checked, graph, task, predicts, ahead = 0 } = staged;
  const fleet = machines ?? scheduledMachines(staged, shards);
  const cut = cutModel(staged, fleet, options);
  if (cut.kind === 'impossible') return cut;
  const { program, tiling, split, nodes } = cut;
  const files = lowerShardsToCpu(
    split.map((s) => s.program),
    options.note,
  );
  const draft = draftShardedPlan(
    { ...inputs, checked, graph, task, predicts, ahead, program, cpu: new Map() },
    { shards: split, nodes, tiling, files, machines: fleet },
  );
  return { kind: 'draft', draft };
}
