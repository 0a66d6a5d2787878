/** Ways to cut a model: as the compiler would for equal machines, or anyhow. What it learns is the same. */

import { passedAtRest } from '../../compiler/5-program/at-rest.ts';
import { runPassesByNode } from '../../compiler/5-program/passes/index.ts';
import { cutModel, stepsNeedWholeWeights } from '../../compiler/6-partition/cut-model.ts';
import { scheduledMachines } from '../../compiler/6-partition/scheduled-machines.ts';
import { assignmentOf } from '../../compiler/6-partition/shards/pieces.ts';
import { type ShardProgram, splitProgram } from '../../compiler/6-partition/shards/split.ts';
import { twofold } from '../../compiler/6-partition/shards/twofold.ts';
import { tiledOwners, tiledPieces } from '../../compiler/6-partition/tiles/owners.ts';
import { tileProgram } from '../../compiler/6-partition/tiles/tile.ts';
import { mostTiles, type Tiling } from '../../compiler/6-partition/tiles/tiling.ts';
import type { Staged } from '../../compiler/compile.ts';
import { type RandomStream, stream } from '../../spec/random.ts';

/** Few are cheap, and find most. */
const SHARDS = [2, 2, 2, 2, 3, 3, 3, 4, 5, 6, 7, 8] as const;
/** Of so many models the compiler's own partitioner cuts one: it is slow beside these small models. */
const PER_COMPILED = 8;

/** @returns nothing where there are no two parts */
export function drawnCut(staged: Staged, text: string): readonly ShardProgram[] | undefined {
  const rng = stream(0, text);
  const most = SHARDS[rng.bits(0) % SHARDS.length] ?? 2;
  return rng.bits(1) % PER_COMPILED === 0 ? compiledCut(staged, most) : randomCut(staged, most, rng);
}

/** With the values that one shard keeps. @param most shards; fewer where there cannot be so many */
export function compiledCut({ borders: _, ...staged }: Staged, most: number): readonly ShardProgram[] | undefined {
  for (let shards = most; shards > 1; shards--) {
    const cut = cutModel(staged, scheduledMachines(staged, shards));
    if (cut.kind === 'cut') return cut.split;
  }
  return undefined;
}

/** Nodes cut into tiles of any size, each tile on any shard. */
function randomCut(staged: Staged, most: number, rng: RandomStream): readonly ShardProgram[] | undefined {
  const { graph, ahead = 0 } = staged;
  let at = 2;
  const below = (n: number): number => rng.bits(at++) % n;
  const whole = passedAtRest(staged, runPassesByNode).program;
  const uncut = stepsNeedWholeWeights(whole, staged.task);
  const tiling: Tiling = new Map(
    graph.nodes.flatMap((node) => {
      const units = uncut ? 1 : mostTiles(graph, node);
      const inner = Array.from({ length: units - 1 }, (_, i) => i + 1).filter(() => below(3) === 0);
      return inner.length > 0 && below(2) === 0 ? [[node.name, [0, ...inner, units]] as const] : [];
    }),
  );
  const pieces = tiledPieces(graph, tiling);
  const shards = Math.min(most, pieces.length);
  if (shards < 2) return undefined;
  const part = Int32Array.from(pieces, () => below(shards));
  // No shard is empty.
  const places = pieces.map((_, i) => i);
  for (let shard = 0; shard < shards; shard++) part[places.splice(below(places.length), 1)[0] ?? 0] = shard;
  const program = tiling.size > 0 ? tileProgram(graph, whole, tiling, new Map()) : whole;
  const split = splitProgram(program, tiledOwners(graph, tiling), assignmentOf(graph, pieces, part), shards);
  return ahead > 0 ? split.map(twofold) : split;
}
