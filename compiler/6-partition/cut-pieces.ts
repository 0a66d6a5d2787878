/** Into which pieces a model is cut, and the machine of each: whole nodes where they spread well enough, else tiles. */
import { type Owner, parseTile, plainName } from '../../spec/names.ts';
import type { Plan } from '../../spec/plan.ts';
import type { Program } from '../../spec/program.ts';
import type { Graph } from '../4-graph/graph.ts';
import { components } from '../4-graph/order.ts';
import { type CannotCut, explain } from './cannot-cut.ts';
import type { Constraints } from './constraints.ts';
import { measureCosts } from './costs.ts';
import { sum } from './fleet.ts';
import { partition } from './partition.ts';
import type { Machines, Problem } from './problem.ts';
import { rebalance } from './rebalance.ts';
import { cutLine, cutLineEvenly } from './shards/line.ts';
import type { Owners } from './shards/owners.ts';
import { piecesOf } from './shards/pieces.ts';
import { chooseTiling } from './tiles/choose.ts';
import { level } from './tiles/level.ts';
import { tiledOwners, tiledPieces } from './tiles/owners.ts';
import {
  cutInShares,
  largestAtom,
  mostParts,
  type Portions,
  pieceWork,
  portionsOf,
  type UnitCosts,
  unitCosts,
} from './tiles/portions.ts';
import type { Spreads } from './tiles/spread.ts';
import { spreadOut } from './tiles/spread-out.ts';
import { tileProgram } from './tiles/tile.ts';
import type { Tiling } from './tiles/tiling.ts';

export interface CutPieces {
  readonly kind: 'cut';
  readonly tiling: Tiling;
  readonly spreads: Spreads;
  readonly program: Program;
  readonly owners: Owners;
  readonly pieces: readonly Owner[];
  /** FLOP of a tick of each piece, and its machine. */
  readonly work: Float64Array;
  readonly part: Int32Array;
  /** Seconds of a tick, as the pieces count it. */
  readonly bottleneck: number;
}

/** The model that is cut, and its machines. */
export interface Cutting {
  readonly graph: Graph;
  readonly whole: Program;
  readonly machines: Machines;
  readonly constraints: Constraints;
}

/** By how much the shares of machines may miss the best possible ones. */
const BALANCE = 1.05;
const GOOD = 1.02;
/** Of bottlenecks as near as this to each other, that with less traffic is taken: */
const ALIKE = 1.01;
/** where that costs nothing, of all that are as near as this to even shares. */
const ALIKE_FREE = 1.04;
/** Cutting moves work between nodes: the next shares are made of what the ones before were found to cost. */
const ROUNDS = 3;
/** The sums that spread weights cost where their tile is are known when they were spread once. */
const SPREAD_ROUNDS = 3;
/** Tiles in a shard, of the tilings that are searched. */
const GRAINS = [1, 2, 3];
/** Searching more tiles than this takes longer than it saves. */
const MAX_TILES = 400;
/** The same for needs between tiles. */
const MANY_PINS = 3000;

interface Tiled {
  readonly cut: Omit<CutPieces, 'part' | 'bottleneck'>;
  readonly problem: Problem;
}

interface Candidate {
  readonly cut: CutPieces;
  /** Bytes of a tick. */
  readonly volume: number;
}

export function cutPieces(cutting: Cutting): CutPieces | CannotCut {
  const { graph, machines, constraints } = cutting;
  const shards = machines.list.length;
  const portions = portionsOf(graph, constraints);
  const most = mostParts(portions);
  const nodes = tiledBy(cutting, new Map());
  if (most < shards) return explain({ reason: 'too-few', most }, graph.name, nodes.cut.pieces, machines);
  const found: Candidate[] = [];
  const whole = portions.count >= shards ? partition(nodes.problem, { useAll: true }) : undefined;
  if (whole?.kind === 'parts') {
    found.push(candidate(nodes, whole.part));
    if (isWithin(found, BALANCE * evenShare(cutting, portions, nodes))) return found[0]?.cut as CutPieces;
  }
  let why = whole?.kind === 'impossible' ? explain(whole, graph.name, nodes.cut.pieces, machines) : undefined;
  let bound = 0;
  if (most > portions.count) {
    let costs = costsOf(cutting, portions, nodes);
    for (let round = 0; round < ROUNDS; round++) {
      const shares = inShares(cutting, portions, costs);
      if (fits(shares.tiled.problem, shares.part)) found.push(candidate(shares.tiled, shares.part));
      costs = costsOf(cutting, portions, shares.tiled);
      bound = evenShare(cutting, portions, shares.tiled);
      if (isWithin(found, GOOD * bound)) break;
    }
    if (!isFree(machines) || !isWithin(found, BALANCE * bound)) {
      const searched = search(cutting, portions, costs);
      found.push(...searched.found);
      why = searched.why ?? why;
    }
  }
  const least = found.reduce((time, { cut }) => Math.min(time, cut.bottleneck), Infinity);
  const alike = Math.max(least * ALIKE, isFree(machines) ? bound * ALIKE_FREE : 0);
  const [best] = found.filter((c) => c.cut.bottleneck <= alike).sort((x, y) => x.volume - y.volume);
  return best?.cut ?? why ?? explain({ reason: 'too-few', most }, graph.name, nodes.cut.pieces, machines);
}

/**
 * Whole nodes, or groups that stay together, in the order in which errors come to them, cut into runs: as few borders on a
 * way as there can be, where shares may be uneven for it.
 */
export function linePieces(cutting: Cutting): CutPieces | undefined {
  const { graph, machines, constraints } = cutting;
  if (constraints.pinned.size > 0) return undefined;
  const tiled = tiledBy(cutting, new Map());
  const numbers = new Map(graph.nodes.map(({ name }, i) => [name, i]));
  const numberOf = (name: string): number => numbers.get(name) as number;
  const groups = new Map(constraints.together.flatMap((names) => names.map((name) => [name, names] as const)));
  const order = components(graph).flatMap(({ nodes }) => nodes);
  // A group stands where its first node does.
  const row = [...new Set(order.map((name) => groups.get(name) ?? name))].map((at) =>
    (typeof at === 'string' ? [at] : at).map(numberOf),
  );
  const work = Float64Array.from(row, (pieces) => sum(pieces.map((i) => tiled.cut.work[i] as number)));
  const runs = (groups.size > 0 ? cutLineEvenly : cutLine)(work, machines.list.length);
  if (!runs) return undefined;
  const part = new Int32Array(order.length);
  row.forEach((pieces, at) => {
    for (const i of pieces) part[i] = runs[at] as number;
  });
  return fits(tiled.problem, part) ? candidate(tiled, part).cut : undefined;
}

/** The same pieces with units moved between them, so that what shards were found to do is even. */
export function levelPieces(cutting: Cutting, cut: CutPieces, done: readonly number[]): CutPieces | undefined {
  const { graph, machines, constraints } = cutting;
  if (cut.spreads.size > 0) return undefined;
  const portions = portionsOf(graph, constraints);
  const costs = unitCosts(graph, portions, cut.tiling, cut.work);
  const rates = machines.list.map((m) => m.rate);
  const placed = level(graph, portions, cut, costs, done, rates);
  if (!placed) return undefined;
  const tiled = tiledBy(cutting, placed.tiling);
  return fits(tiled.problem, placed.part) ? candidate(tiled, placed.part).cut : undefined;
}

/** The same shares, but for units that are too coarse to be handed out: the weights of those are spread over all. */
export function spreadPieces(cutting: Cutting, cut: CutPieces, done: readonly number[]): CutPieces | undefined {
  const { graph, machines, constraints } = cutting;
  if (cut.spreads.size > 0 || !isFree(machines)) return undefined;
  const portions = portionsOf(graph, constraints);
  const costs = unitCosts(graph, portions, cut.tiling, cut.work);
  let tiled: Tiled | undefined;
  let part = cut.part;
  let beside = 0;
  for (let round = 0; round < SPREAD_ROUNDS; round++) {
    const out = spreadOut(graph, portions, cut, costs, done, beside);
    if (!out) break;
    tiled = tiledBy(cutting, out.tiling, out.spreads);
    part = out.part;
    beside = (tiled.cut.work[out.piece] as number) / out.units;
  }
  return tiled && candidate(tiled, part).cut;
}

function tiledBy(
  { graph, whole, machines, constraints }: Cutting,
  tiling: Tiling,
  spreads: Spreads = new Map(),
): Tiled {
  const owners = tiledOwners(graph, tiling);
  const pieces = tiledPieces(graph, tiling);
  const program = tiling.size > 0 ? tileProgram(graph, whole, tiling, spreads) : whole;
  const { problem } = piecesOf(graph, program, owners, pieces, machines, constraints);
  return { cut: { kind: 'cut', tiling, spreads, program, owners, pieces, work: problem.pieces.work }, problem };
}

function candidate({ cut, problem }: Tiled, part: Int32Array): Candidate {
  const { bottleneck, volume } = measureCosts(problem, part);
  return { cut: { ...cut, part, bottleneck }, volume };
}

function isWithin(found: readonly Candidate[], bound: number): boolean {
  return found.some(({ cut }) => cut.bottleneck <= bound);
}

/** Shares in proportion to what machines can do. */
function inShares(cutting: Cutting, portions: Portions, costs: UnitCosts): { tiled: Tiled; part: Int32Array } {
  const { graph, machines } = cutting;
  const capacity = Float64Array.from(machines.list, (m) => m.rate);
  // Neighbours stay together where the line of all work can be cut well enough at the shares.
  const line = isFree(machines) && portions.count === graph.nodes.length ? onLine(cutting, portions, costs) : undefined;
  const { tiling, part } = line ?? cutInShares(graph, portions, costs, capacity);
  return { tiled: tiledBy(cutting, tiling), part };
}

/** Runs of neighbours, where by what units cost they are even enough. */
function onLine(
  { graph, machines }: Cutting,
  portions: Portions,
  costs: UnitCosts,
): { tiling: Tiling; part: Int32Array } | undefined {
  const shards = machines.list.length;
  const tiling = chooseTiling(graph, portions.most, workByNode(portions, costs), shards);
  if (!tiling) return undefined;
  const work = pieceWork(graph, portions, tiling, costs);
  const part = cutLine(work, shards);
  const load = new Float64Array(shards);
  part?.forEach((p, i) => {
    load[p] = (load[p] as number) + (work[i] as number);
  });
  const least = Math.max(sum(work) / shards, largestAtom(portions, costs));
  return part && load.every((w) => w <= GOOD * least) ? { tiling, part } : undefined;
}

/** Tiles as the partitioner places them, which looks at traffic and memory as well. */
function search(
  cutting: Cutting,
  portions: Portions,
  firstCosts: UnitCosts,
): { found: Candidate[]; why: CannotCut | undefined } {
  const { graph, machines } = cutting;
  const found: Candidate[] = [];
  let why: CannotCut | undefined;
  let costs = firstCosts;
  for (const tiles of GRAINS) {
    const wanted = machines.list.length * tiles;
    if (tiles > 1 && wanted > MAX_TILES) break;
    const tiling = chooseTiling(graph, portions.most, workByNode(portions, costs), wanted);
    if (!tiling || tiling.size === 0) continue;
    const tiled = tiledBy(cutting, tiling);
    if (tiled.problem.nets.pins.length > MANY_PINS) break;
    const result = partition(tiled.problem, { useAll: true });
    if (result.kind === 'parts') found.push(candidate(tiled, result.part));
    else why = explain(result, graph.name, tiled.cut.pieces, machines);
    if (isWithin(found, GOOD * evenShare(cutting, portions, tiled))) break;
    costs = costsOf(cutting, portions, tiled);
  }
  return { found, why };
}

/** Whether only computing can bind: all alike, and nothing is said of memory, of frames or of what is between them. */
function isFree({ list, latency, bandwidth }: Machines): boolean {
  if (latency || bandwidth) return false;
  const [first] = list;
  return list.every(
    (m) =>
      !m.costs && m.rate === first?.rate && m.memory === Infinity && m.upload === Infinity && m.download === Infinity,
  );
}

function fits({ pieces, machines }: Problem, part: Int32Array): boolean {
  const held = new Float64Array(machines.list.length);
  part.forEach((p, i) => {
    held[p] = (held[p] as number) + (pieces.memory[i] as number);
  });
  return held.every((bytes, p) => bytes <= (machines.list[p]?.memory ?? Infinity));
}

function costsOf({ graph }: Cutting, portions: Portions, { cut }: Tiled): UnitCosts {
  return unitCosts(graph, portions, cut.tiling, cut.work);
}

function workByNode({ most }: Portions, { each, once }: UnitCosts): Float64Array {
  return Float64Array.from(most, (units, i) => units * (each[i] as number) + (once[i] as number));
}

/** Seconds of a tick that no cut can be below: the mean, or the largest part that cannot be cut. */
function evenShare(cutting: Cutting, portions: Portions, tiled: Tiled): number {
  const { machines } = cutting;
  const rate = machines.list.reduce((sum, m) => sum + m.rate, 0);
  const fastest = machines.list.reduce((most, m) => Math.max(most, m.rate), 0);
  return Math.max(sum(tiled.cut.work) / rate, largestAtom(portions, costsOf(cutting, portions, tiled)) / fastest);
}

/** Where an older plan has its pieces: the name of the machine by that of the piece, `h1` or `h1/2`. */
export interface OldPlaces {
  readonly machines: ReadonlyMap<string, string>;
  /** Where the nodes were cut. */
  readonly tiling: Tiling;
  /** Whether weights of a tile lay with other tiles: such a plan is made anew. */
  readonly spread: boolean;
}

export function placesIn({ shards, predicted }: Pick<Plan, 'shards' | 'predicted'>): OldPlaces {
  const machines = new Map(
    shards.flatMap((s, i) => s.nodes.map((n) => [n, predicted?.machines[i]?.name ?? `shard-${i}`] as const)),
  );
  const tiling = new Map<string, number[]>();
  for (const { name, to } of shards.flatMap((s) => s.tiles ?? [])) {
    const node = parseTile(name)?.whole ?? '';
    tiling.set(node, [...(tiling.get(node) ?? [0]), to]);
  }
  for (const offsets of tiling.values()) offsets.sort((a, b) => a - b);
  const spread = shards.some((s) => s.parameters.some((p) => parseTile(parseTile(p.name)?.whole ?? '') !== undefined));
  return { machines, tiling, spread };
}

/**
 * The older plan's pieces on the machines that there are now, moved only as far as the gain is worth it; undefined
 * where the model is no longer as it was, or a machine would stay without a piece.
 */
export function keepPlaces(cutting: Cutting, old: OldPlaces): CutPieces | undefined {
  const { graph, machines, constraints } = cutting;
  const { most } = portionsOf(graph, constraints);
  if (old.spread) return undefined;
  const known = graph.nodes.every((node, i) => {
    const offsets = old.tiling.get(node.name);
    return !offsets || ((most[i] ?? 1) > 1 && offsets.at(-1) === most[i]);
  });
  const pieces = known ? tiledPieces(graph, old.tiling).map(plainName) : [];
  if (pieces.length !== old.machines.size || !pieces.every((name) => old.machines.has(name))) return undefined;
  const tiled = tiledBy(cutting, old.tiling);
  const numbers = new Map(machines.list.map((m, i) => [m.name, i]));
  const places = Int32Array.from(pieces, (name) => numbers.get(old.machines.get(name) ?? '') ?? -1);
  const result = rebalance(tiled.problem, places, { useAll: true });
  if (result.kind === 'impossible') return undefined;
  return machines.list.every((_, i) => result.part.includes(i)) ? candidate(tiled, result.part).cut : undefined;
}
