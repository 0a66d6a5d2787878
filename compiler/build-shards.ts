/** From one program to a plan of several shards: pieces, partition, programs, files. Pure. */
import { type Machines, uniformMachines } from './6-partition/problem.ts';
import { lowerShardsToCpu } from './7-kernels/onnx/shards.ts';
import { type BuiltPlan, builtOf, type PlanDraft } from './8-plan/build.ts';
import { draftShardedPlan } from './8-plan/shards.ts';
import type { PlanInputs, Staged } from './build-program.ts';
import type { CannotCut } from './cannot-cut.ts';
import { type CutOptions, cutModel } from './cut-model.ts';

/** One core of a small machine, where nobody says what the machines are. */
export const ASSUMED_RATE = 5e10;

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

/** Machines alike, as far as the model's schedule says what one of them has. */
export function scheduledMachines({ checked, graph }: Pick<Staged, 'checked' | 'graph'>, shards: number): Machines {
  const [schedule] = checked.schedules.filter((s) => s.model === graph.name);
  const { memory, uplink, downlink, latency } = schedule?.settings ?? {};
  const bound = (value: unknown): number => (typeof value === 'number' ? value : Infinity);
  const machines = uniformMachines(shards, {
    rate: ASSUMED_RATE,
    memory: bound(memory),
    upload: bound(uplink),
    download: bound(downlink),
  });
  if (typeof latency !== 'number') return machines;
  // A schedule gives the way there and back.
  return { ...machines, latency: new Float64Array(shards * shards).fill(latency / 2) };
}
