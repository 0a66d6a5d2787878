/**
 * A network as the partitioner sees it: one piece for each node (or tile of one), with the work and memory of the
 * links whose weights live there; one net for each value that links need from elsewhere.
 */
import { append } from '../../../spec/append.ts';
import {
  isValueInside,
  linkOrigin,
  nodeOrigin,
  nodeTile,
  type OpOrigin,
  type Owner,
  parseOrigin,
  tileOrigin,
} from '../../../spec/names.ts';
import { type Program, type ProgramFunction, type Shape, sizeOf } from '../../../spec/program.ts';
import type { Graph, GraphLink } from '../../4-graph/graph.ts';
import { flopsOf } from '../../5-program/cost.ts';
import type { Expr } from '../../operators/expr.ts';
import type { Constraints } from '../constraints.ts';
import type { Machines, Problem } from '../problem.ts';
import type { Assignment, Owners } from './owners.ts';

const BYTES = 4;

/** On which side of a border a link's weights live. */
export type Side = 'source' | 'target';

/**
 * The cheaper side: weights at the source send the sums that the prediction is made of (as wide as the target, wider
 * where it pools them), weights at the target get the source's values. Of equals the source's, where a tick can do with
 * one delay.
 */
export function sideOf(graph: Graph, link: GraphLink): Side {
  // Where a node predicts itself, its rows need its values, which all its tiles have when it is clamped.
  if (link.source === link.target) return 'target';
  const width = sizeOf(graph.nodes.find((n) => n.name === link.source)?.shape ?? []);
  return sizeOf(sumsOf(link.body) ?? link.body.shape) <= width ? 'source' : 'target';
}

/** Shape of the last product of an expression. */
function sumsOf(expr: Expr): Shape | undefined {
  if (expr.kind !== 'apply') return undefined;
  if (expr.op === 'matmul' || expr.op.startsWith('conv')) return expr.shape;
  for (const arg of expr.args) {
    const found = sumsOf(arg);
    if (found) return found;
  }
  return undefined;
}

export interface PieceList {
  /** Owners of pieces, by piece: nodes, or tiles of nodes. */
  readonly owners: readonly Owner[];
  readonly problem: Problem;
}

export function piecesOf(
  graph: Graph,
  program: Program,
  owners: Owners,
  pieces: readonly Owner[],
  machines: Machines,
  { together: groups, pinned }: Constraints,
): PieceList {
  const index = new Map(pieces.map((owner, i) => [owner, i]));
  const home = homeOfOwner(graph, index);
  const work = new Float64Array(pieces.length);
  const memory = new Float64Array(pieces.length);
  const f = mainFunction(program);
  if (f) countWork(program, f, owners, home, work);
  for (const state of program.states) {
    const owner = owners.ofState(state);
    const at = owner === undefined ? undefined : home(owner);
    if (at !== undefined) memory[at] = (memory[at] ?? 0) + sizeOf(state.shape) * BYTES;
  }
  const batch = f ? samplesOf(f) : 1;
  const together = new Int32Array(pieces.length).fill(-1);
  groups.forEach((names, group) => {
    for (const name of names) {
      const i = index.get(nodeOrigin(name));
      if (i !== undefined) together[i] = group;
    }
  });
  const places = new Int32Array(pieces.length).fill(-1);
  for (const [name, machine] of pinned) {
    const i = index.get(nodeOrigin(name));
    if (i !== undefined) places[i] = machine;
  }
  const cluster = clustersOf(pieces);
  const nets = netsOf(graph, index, batch);
  return {
    owners: pieces,
    problem: {
      pieces: { count: pieces.length, work, memory, keepTogether: together, pinned: places, cluster },
      nets,
      machines,
    },
  };
}

/** The function that shards spend their time with. */
export function mainFunction(program: Program): ProgramFunction | undefined {
  return program.functions.find((f) => f.role === 'train') ?? program.functions[0];
}

/** Ticks of a batch: repetitions of its loops, at least 1. */
export function ticksOf(f: ProgramFunction): number {
  return Math.max(1, ...f.blocks.map((b) => b.firstTick + (b.carries.length > 0 ? b.repeat : 0)));
}

function samplesOf(f: ProgramFunction): number {
  const [carry] = f.blocks.flatMap((b) => b.carries.filter((c) => isValueInside(c.id)));
  return carry?.shape[0] ?? f.batch;
}

/** The piece of an owner: links go with the node on whose side their weights live. */
function homeOfOwner(graph: Graph, index: ReadonlyMap<Owner, number>): (owner: Owner) => number | undefined {
  const sides = new Map<Owner, Owner>();
  for (const link of graph.links)
    sides.set(linkOrigin(link.name), nodeOrigin(sideOf(graph, link) === 'source' ? link.source : link.target));
  return (owner) => {
    const node = sides.get(owner) ?? owner;
    return index.get(node) ?? index.get(tileOrigin(node, 0));
  };
}

/** Nodes on whose sides a weight is that several links share: they stay together, since it is in one place. */
export function sharedHomes(graph: Graph): string[][] {
  const homes = new Map<string, string[]>();
  for (const link of graph.links)
    for (const { shared } of link.weights)
      if (shared !== undefined) append(homes, shared, sideOf(graph, link) === 'source' ? link.source : link.target);
  return [...homes.values()];
}

/** Where every owner goes: pieces by the partition, links with theirs. */
export function assignmentOf(graph: Graph, pieces: readonly Owner[], part: Int32Array): Assignment {
  const index = new Map(pieces.map((owner, i) => [owner, i]));
  const home = homeOfOwner(graph, index);
  const found = new Map<Owner, number>(pieces.map((owner, i) => [owner, part[i] ?? 0]));
  for (const owner of [...graph.links.map((l) => linkOrigin(l.name)), ...graph.nodes.map((n) => nodeOrigin(n.name))]) {
    const at = home(owner);
    if (at !== undefined) found.set(owner, part[at] ?? 0);
  }
  return found;
}

/** Of operations that serve the data, or nothing in particular. */
const NO_PIECE = -1;

function countWork(
  program: Program,
  f: ProgramFunction,
  owners: Owners,
  home: (owner: Owner) => number | undefined,
  work: Float64Array,
): void {
  const shapes = new Map<string, Shape>();
  for (const { id, shape } of program.states) shapes.set(id, shape);
  for (const { id, shape } of f.inputs) shapes.set(id, shape);
  const ticks = ticksOf(f);
  // Many operations serve the same node or weight.
  const pieces = new Map<OpOrigin, number>();
  const pieceOf = (origin: OpOrigin): number => {
    const known = pieces.get(origin);
    if (known !== undefined) return known;
    const owner = owners.ofOrigin(origin);
    const piece = (owner === undefined ? undefined : home(owner)) ?? NO_PIECE;
    pieces.set(origin, piece);
    return piece;
  };
  for (const block of f.blocks) {
    for (const scalar of block.scalars) shapes.set(scalar.id, []);
    for (const carry of block.carries) for (const id of [carry.id, carry.result]) shapes.set(id, carry.shape);
    for (const op of block.ops) {
      shapes.set(op.id, op.shape);
      const at = op.origin === undefined ? NO_PIECE : pieceOf(op.origin);
      if (at !== NO_PIECE) work[at] = (work[at] ?? 0) + (flopsOf(op, shapes) * block.repeat) / ticks;
    }
  }
}

/** Pieces of one innermost cluster have one number. */
function clustersOf(pieces: readonly Owner[]): Int32Array {
  const numbers = new Map<string, number>();
  return Int32Array.from(pieces, (owner) => {
    const { name } = parseOrigin(owner);
    const at = name.lastIndexOf('.');
    if (at < 0) return -1;
    const cluster = name.slice(0, at).split('.')[0] ?? '';
    const known = numbers.get(cluster) ?? numbers.size;
    numbers.set(cluster, known);
    return known;
  });
}

/**
 * Two kinds of nets: around a source whose links keep their weights at their targets (its values go out, feedback comes
 * back), and around a target whose links keep them at their sources (its values or errors go out, predictions come).
 */
function netsOf(graph: Graph, index: ReadonlyMap<Owner, number>, batch: number): Problem['nets'] {
  const tiles = new Map<string, number[]>();
  const widths = new Map(graph.nodes.map((n) => [n.name, sizeOf(n.shape)]));
  for (const node of graph.nodes) {
    const whole = index.get(nodeOrigin(node.name));
    const found: number[] = whole === undefined ? [] : [whole];
    for (let i = 0; whole === undefined; i++) {
      const tile = index.get(nodeTile(node.name, i));
      if (tile === undefined) break;
      found.push(tile);
    }
    tiles.set(node.name, found);
  }
  const pinsOf = new Map<string, Set<string>>();
  for (const link of graph.links) {
    const [hub, pin] = sideOf(graph, link) === 'source' ? [link.target, link.source] : [link.source, link.target];
    pinsOf.set(hub, (pinsOf.get(hub) ?? new Set()).add(pin));
  }
  const hubs: number[] = [];
  const pinStart = [0];
  const pins: number[] = [];
  const bytes: number[] = [];
  for (const [hub, others] of pinsOf) {
    const own = tiles.get(hub) ?? [];
    for (const piece of own) {
      hubs.push(piece);
      for (const other of others) pins.push(...(tiles.get(other) ?? []));
      pinStart.push(pins.length);
      bytes.push(((widths.get(hub) ?? 0) / own.length) * batch * BYTES);
    }
  }
  return {
    count: hubs.length,
    hub: Int32Array.from(hubs),
    pinStart: Int32Array.from(pinStart),
    pins: Int32Array.from(pins),
    out: Float64Array.from(bytes),
    back: Float64Array.from(bytes),
  };
}
