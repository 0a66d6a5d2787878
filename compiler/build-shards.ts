/** From one program to a plan of several shards: pieces, partition, programs, files. Pure. */

import { runPassesByNode } from './5-program/passes/index.ts';
import { type Impossible, type Machines, uniformMachines } from './6-partition/problem.ts';
import { partition } from './6-partition/partition.ts';
import { nodeOwner, ownersOf } from './6-partition/shards/owners.ts';
import { assignmentOf, piecesOf } from './6-partition/shards/pieces.ts';
import { splitProgram } from './6-partition/shards/split.ts';
import { lowerShardsToCpu } from './7-kernels/onnx/shards.ts';
import type { BuiltPlan } from './8-plan/build.ts';
import { buildShardedPlan } from './8-plan/shards.ts';
import type { PlanInputs, Staged } from './build-program.ts';

/** The model cannot be cut so, and what to do instead. */
export interface CannotCut {
  readonly kind: 'impossible';
  readonly reason: string;
  readonly repair: string;
}

/** One core of a small machine, where nobody says what the machines are. */
export const ASSUMED_RATE = 5e10;

export function buildShards(
  staged: Staged,
  inputs: PlanInputs,
  shards: number,
  machines?: Machines,
): { kind: 'plan'; built: BuiltPlan } | CannotCut {
  const { checked, graph, task, predicts } = staged;
  const program = runPassesByNode(staged.lowered);
  const owners = ownersOf(graph);
  const pieces = graph.nodes.map((n) => nodeOwner(n.name));
  const fleet = machines ?? uniformMachines(shards, { rate: ASSUMED_RATE });
  const together = checked.schedules.filter((s) => s.model === graph.name).flatMap((s) => s.keepTogether);
  const { problem } = piecesOf(graph, program, owners, pieces, fleet, together);
  const result = partition(problem, { useAll: true });
  if (result.kind === 'impossible') return explain(result, graph.name, pieces, shards);
  const { part } = result;
  const split = splitProgram(program, owners, assignmentOf(graph, pieces, part), shards);
  const nodes = split.map((_, shard) =>
    pieces.filter((_owner, i) => part[i] === shard).map((o) => o.replace(/^node /, '')),
  );
  const files = lowerShardsToCpu(split.map((s) => s.program));
  const built = buildShardedPlan(
    { ...inputs, checked, graph, task, predicts, program, cpu: new Map() },
    { shards: split, nodes, files, machines: fleet },
  );
  return { kind: 'plan', built };
}

/** Why there is no partition, in words, and what would make one possible. */
function explain(why: Impossible, model: string, pieces: readonly string[], shards: number): CannotCut {
  const kind = 'impossible';
  const name = (piece: number): string => pieces[piece] ?? model;
  switch (why.reason) {
    case 'too-few':
      return {
        kind,
        reason: `${model} can be cut into ${why.most} parts at most, not into ${shards}`,
        repair: `ask for ${why.most} or fewer`,
      };
    case 'memory':
      return {
        kind,
        reason: `${model} needs ${mebibytes(why.needed)}, all machines together have ${mebibytes(why.available)}`,
        repair: 'add machines, or make the model or its batch smaller',
      };
    case 'atom-memory':
      return {
        kind,
        reason: `${name(why.piece)} needs ${mebibytes(why.needed)}, the largest machine has ${mebibytes(why.largest)}`,
        repair: 'add a larger machine, or keep fewer nodes together',
      };
    case 'packing':
      return {
        kind,
        reason: `machine ${why.machine} would hold ${mebibytes(why.needed)} of ${mebibytes(why.available)}`,
        repair: 'add machines or memory',
      };
    case 'pins':
      return { kind, reason: `${name(why.piece)} is pinned to two machines`, repair: 'pin it to one' };
  }
}

function mebibytes(bytes: number): string {
  return `${(bytes / 1024 ** 2).toFixed(1)} MiB`;
}
