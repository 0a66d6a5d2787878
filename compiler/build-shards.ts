/** From one program to a plan of several shards: pieces, partition, programs, files. Pure. */

import { runPassesByNode } from './5-program/passes/index.ts';
import { type Machines, uniformMachines } from './6-partition/problem.ts';
import { cutLine } from './6-partition/shards/line.ts';
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
  const part = cutLine(problem.pieces.work, shards);
  if (!part)
    return {
      kind: 'impossible',
      reason: `${graph.name} has parts for ${pieces.length} shards, not for ${shards}`,
      repair: `ask for at most ${pieces.length}`,
    };
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
