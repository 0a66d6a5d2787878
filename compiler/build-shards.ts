/** From one program to a plan of several shards: pieces, partition, programs, files. Pure. */

import { type Program, sizeOf } from '../spec/program.ts';
import type { Graph } from './4-graph/graph.ts';
import { runPassesByNode } from './5-program/passes/index.ts';
import { measureCosts } from './6-partition/costs.ts';
import { partition } from './6-partition/partition.ts';
import { type Impossible, type Machines, type Problem, uniformMachines } from './6-partition/problem.ts';
import { rebalance } from './6-partition/rebalance.ts';
import { cutLine, heaviestFirst } from './6-partition/shards/line.ts';
import { nodeOwner, type Owner, type Owners } from './6-partition/shards/owners.ts';
import { assignmentOf, ofNode, piecesOf } from './6-partition/shards/pieces.ts';
import { type ShardProgram, splitProgram } from './6-partition/shards/split.ts';
import { chooseTiling, mostParts } from './6-partition/tiles/choose.ts';
import { tiledOwners, tiledPieces } from './6-partition/tiles/owners.ts';
import { tileProgram } from './6-partition/tiles/tile.ts';
import { mostTiles, type Tiling } from './6-partition/tiles/tiling.ts';
import { lowerShardsToCpu } from './7-kernels/onnx/shards.ts';
import type { BuiltPlan } from './8-plan/build.ts';
import { buildShardedPlan, shardMemory } from './8-plan/shards.ts';
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
  old?: OldPlaces,
): { kind: 'plan'; built: BuiltPlan } | CannotCut {
  const { checked, graph, task, predicts } = staged;
  const fleet = machines ?? uniformMachines(shards, { rate: ASSUMED_RATE });
  const cut = cutModel(staged, fleet, old);
  if (cut.kind === 'impossible') return cut;
  const { program, split, nodes } = cut;
  const files = lowerShardsToCpu(split.map((s) => s.program));
  const built = buildShardedPlan(
    { ...inputs, checked, graph, task, predicts, program, cpu: new Map() },
    { shards: split, nodes, files, machines: fleet },
  );
  return { kind: 'plan', built };
}

export interface CutModel {
  readonly kind: 'cut';
  /** Of the whole model, in tiles where it had to be cut. */
  readonly program: Program;
  /** For each machine its program, and the nodes (or tiles) that it holds. */
  readonly split: readonly ShardProgram[];
  readonly nodes: readonly (readonly string[])[];
}

/** How often the room of machines is corrected by what values of a batch were found to need beside the weights. */
const MEMORY_ROUNDS = 4;

/** Programs of the shards, one for each machine and within its memory; nothing is written for any device yet. */
export function cutModel(
  { checked, graph, lowered, wholeNodes = false }: Staged,
  machines: Machines,
  old?: OldPlaces,
): CutModel | CannotCut {
  const whole = runPassesByNode(lowered);
  const together = checked.schedules.filter((s) => s.model === graph.name).flatMap((s) => s.keepTogether);
  let room = machines;
  let full: CannotCut | undefined;
  for (let round = 0; round < MEMORY_ROUNDS; round++) {
    const cut =
      (old && keepPlaces(graph, whole, room, together, old)) ?? cutPieces(graph, whole, room, together, wholeNodes);
    if (cut.kind === 'impossible') return full ?? cut;
    const { program, owners, pieces, part } = cut;
    const split = splitProgram(program, owners, assignmentOf(graph, pieces, part), machines.list.length);
    full = tooLarge(graph.name, split, machines);
    if (!full) {
      const nodes = split.map((_, shard) =>
        pieces.filter((_owner, i) => part[i] === shard).map((o) => o.replace(/^node /, '')),
      );
      return { kind: 'cut', program, split, nodes };
    }
    // The partitioner counts what stays; the values of a batch are known only now.
    const list = machines.list.map((m, i) => {
      const shard = split[i];
      return shard ? { ...m, memory: Math.max(0, m.memory - shardMemory(shard) + stateBytes(shard)) } : m;
    });
    room = { ...machines, list };
  }
  return full ?? explain({ reason: 'too-few', most: mostParts(graph) }, graph.name, [], machines);
}

function stateBytes({ program }: ShardProgram): number {
  return program.states.reduce((sum, s) => sum + 4 * sizeOf(s.shape), 0);
}

/** The first shard that its machine has no room for. */
function tooLarge(model: string, split: readonly ShardProgram[], { list }: Machines): CannotCut | undefined {
  const at = split.findIndex((shard, i) => shardMemory(shard) > (list[i]?.memory ?? Infinity));
  const [shard, machine] = [split[at], list[at]];
  if (!shard || !machine) return undefined;
  return {
    kind: 'impossible',
    reason: `${machine.name} has ${mebibytes(machine.memory)}, its part of ${model} needs ${mebibytes(shardMemory(shard))}, ${mebibytes(stateBytes(shard))} of it weights and states`,
    repair: 'add machines or memory, or make the batch smaller',
  };
}

interface CutPieces {
  readonly kind: 'cut';
  readonly program: Program;
  readonly owners: Owners;
  readonly pieces: readonly Owner[];
  readonly part: Int32Array;
}

/** Where an older plan has its pieces: the name of the machine by that of the piece, `h1` or `h1/2`. */
export interface OldPlaces {
  readonly shards: number;
  readonly machines: ReadonlyMap<string, string>;
}

/**
 * The older plan's pieces on the machines that there are now, moved only as far as the gain is worth it; undefined
 * where the model is no longer cut so, or a machine would stay without a piece.
 */
function keepPlaces(
  graph: Graph,
  whole: Program,
  machines: Machines,
  together: readonly (readonly string[])[],
  old: OldPlaces,
): CutPieces | undefined {
  const tiled = (tiling: Tiling): { cut: Omit<CutPieces, 'part'>; problem: Problem } => {
    const owners = tiledOwners(graph, tiling);
    const pieces = tiledPieces(graph, tiling);
    const program = tiling.size > 0 ? tileProgram(graph, whole, tiling) : whole;
    const { problem } = piecesOf(graph, program, owners, pieces, machines, together);
    return { cut: { kind: 'cut', program, owners, pieces }, problem };
  };
  const isOld = ({ cut }: ReturnType<typeof tiled>): boolean =>
    cut.pieces.length === old.machines.size && cut.pieces.every((o) => old.machines.has(o.replace(/^node /, '')));
  let found = tiled(new Map());
  let { work } = found.problem.pieces;
  // The same choices in the same order as when the older plan was made.
  for (const tiles of GRAINS) {
    if (isOld(found)) break;
    const tiling = chooseTiling(graph, work, old.shards * tiles);
    if (!tiling) continue;
    found = tiled(tiling);
    work = workByNode(graph, found.cut.pieces, found.problem.pieces.work);
  }
  if (!isOld(found)) return undefined;
  const numbers = new Map(machines.list.map((m, i) => [m.name, i]));
  const places = Int32Array.from(
    found.cut.pieces,
    (o) => numbers.get(old.machines.get(o.replace(/^node /, '')) ?? '') ?? -1,
  );
  const result = rebalance(found.problem, places, { useAll: true });
  if (result.kind === 'impossible') return undefined;
  return machines.list.every((_, i) => result.part.includes(i)) ? { ...found.cut, part: result.part } : undefined;
}

/** The shares of machines may miss the best that there can be by so much. */
const BALANCE = 1.05;

/** Whole nodes where they spread well enough, else tiles. */
function cutPieces(
  graph: Graph,
  whole: Program,
  machines: Machines,
  together: readonly (readonly string[])[],
  wholeNodes: boolean,
): CutPieces | CannotCut {
  const shards = machines.list.length;
  const asTiling = (tiling: Tiling): { cut: Omit<CutPieces, 'part'>; problem: Problem } => {
    const owners = tiledOwners(graph, tiling);
    const pieces = tiledPieces(graph, tiling);
    const program = tiling.size > 0 ? tileProgram(graph, whole, tiling) : whole;
    return {
      cut: { kind: 'cut', program, owners, pieces },
      problem: piecesOf(graph, program, owners, pieces, machines, together).problem,
    };
  };
  const nodes = asTiling(new Map());
  const first = graph.nodes.length >= shards ? partition(nodes.problem, { useAll: true }) : undefined;
  const even = BALANCE * evenShare(graph, nodes.cut.pieces, nodes.problem);
  if (first?.kind === 'parts' && (wholeNodes || first.costs.bottleneck <= even))
    return { ...nodes.cut, part: first.part };
  const candidates: (CutPieces & { readonly bottleneck: number })[] = [];
  if (first?.kind === 'parts') candidates.push({ ...nodes.cut, part: first.part, bottleneck: first.costs.bottleneck });
  let why = first?.kind === 'impossible' ? { ...first, pieces: nodes.cut.pieces } : undefined;
  let { work } = nodes.problem.pieces;
  if (wholeNodes && !why) return explain({ reason: 'too-few', most: graph.nodes.length }, graph.name, [], machines);
  if (wholeNodes && why) return explain(why, graph.name, why.pieces, machines);
  if (mostParts(graph) < shards)
    return explain({ reason: 'too-few', most: mostParts(graph) }, graph.name, nodes.cut.pieces, machines);
  for (const [round, tiles] of GRAINS.entries()) {
    // Every tile may need every other's values: more of them than this would take longer than they save.
    if (round > 0 && shards * tiles > MOST_TILES) continue;
    const tiling = chooseTiling(graph, work, shards * tiles);
    if (!tiling || tiling.size === 0) continue;
    const tiled = asTiling(tiling);
    const good = evenShare(graph, tiled.cut.pieces, tiled.problem) * GOOD;
    const inLine = isUniform(machines) ? cutLine(tiled.problem.pieces.work, shards) : undefined;
    if (inLine)
      candidates.push({ ...tiled.cut, part: inLine, bottleneck: measureCosts(tiled.problem, inLine).bottleneck });
    if (candidates.some((c) => c.bottleneck <= good)) break;
    // Tiles that all need each other gain little from a search, which takes minutes then.
    if (inLine && tiled.problem.nets.pins.length > MANY_PINS) {
      const even = heaviestFirst(tiled.problem.pieces.work, shards);
      if (even) candidates.push({ ...tiled.cut, part: even, bottleneck: measureCosts(tiled.problem, even).bottleneck });
      if (candidates.some((c) => c.bottleneck <= good)) break;
      work = workByNode(graph, tiled.cut.pieces, tiled.problem.pieces.work);
      continue;
    }
    const result = partition(tiled.problem, { useAll: true });
    if (result.kind === 'parts')
      candidates.push({ ...tiled.cut, part: result.part, bottleneck: result.costs.bottleneck });
    else why = { ...result, pieces: tiled.cut.pieces };
    if (candidates.some((c) => c.bottleneck <= good)) break;
    // Work moves between nodes when they are cut: next time from what it has become.
    work = workByNode(graph, tiled.cut.pieces, tiled.problem.pieces.work);
  }
  const [best] = candidates.sort((x, y) => x.bottleneck - y.bottleneck);
  if (best) return best;
  if (why) return explain(why, graph.name, why.pieces, machines);
  return explain({ reason: 'too-few', most: mostParts(graph) }, graph.name, nodes.cut.pieces, machines);
}

/** Tiles in a shard, of the tilings that are tried, each from what the one before was found to cost. */
const GRAINS = [1, 1, 2, 3, 4];
const GOOD = 1.03;
const MOST_TILES = 400;
/** Beyond so many needs, uniform machines get runs of neighbours without a search. */
const MANY_PINS = 3000;

/** Neighbours in a row may be given to any machine only where all are alike. */
function isUniform({ list, latency, bandwidth }: Machines): boolean {
  if (latency || bandwidth) return false;
  return list.every(
    (m) =>
      m.rate === list[0]?.rate &&
      m.memory === Infinity &&
      m.upload === list[0]?.upload &&
      m.download === list[0]?.download,
  );
}

function workByNode(graph: Graph, pieces: readonly Owner[], work: Float64Array): Float64Array {
  return Float64Array.from(graph.nodes, (node) =>
    pieces.reduce((sum, owner, i) => sum + (ofNode(owner, node.name) ? (work[i] ?? 0) : 0), 0),
  );
}

/** Seconds of a tick that no cut can be below: the mean, or the largest node that cannot be cut. */
function evenShare(graph: Graph, owners: readonly Owner[], { pieces, machines }: Problem): number {
  const rate = machines.list.reduce((sum, m) => sum + m.rate, 0);
  const fastest = machines.list.reduce((most, m) => Math.max(most, m.rate), 0);
  const total = pieces.work.reduce((sum, w) => sum + w, 0);
  const atom = graph.nodes.reduce((most, node) => {
    const at = mostTiles(graph, node) === 1 ? owners.indexOf(nodeOwner(node.name)) : -1;
    return Math.max(most, pieces.work[at] ?? 0);
  }, 0);
  return Math.max(total / rate, atom / fastest);
}

/** Why there is no partition, in words, and what would make one possible. */
function explain(why: Impossible, model: string, pieces: readonly string[], { list }: Machines): CannotCut {
  const kind = 'impossible';
  const name = (piece: number): string => pieces[piece] ?? model;
  switch (why.reason) {
    case 'too-few':
      return {
        kind,
        reason: `${model} can be cut into ${why.most} parts at most, not into ${list.length}`,
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
        reason: `${list[why.machine]?.name ?? `machine ${why.machine}`} would hold ${mebibytes(why.needed)} of ${mebibytes(why.available)}`,
        repair: 'add machines or memory',
      };
    case 'pins':
      return { kind, reason: `${name(why.piece)} is pinned to two machines`, repair: 'pin it to one' };
  }
}

function mebibytes(bytes: number): string {
  return `${(bytes / 1024 ** 2).toFixed(1)} MiB`;
}
