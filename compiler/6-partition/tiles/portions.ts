/** The smallest parts of a graph that can be cut: units of nodes, and nodes that have to stay whole or together. */
import type { Graph } from '../../4-graph/graph.ts';
import type { Constraints } from '../constraints.ts';
import { handOut } from './shares.ts';
import { mostTiles, type Tiling } from './tiling.ts';

export interface Portions {
  /** Tiles that each node can have, in the graph's order; 1 for those that stay together with others. */
  readonly most: readonly number[];
  /** Of each node the portion that it belongs to. */
  readonly portion: Int32Array;
  readonly count: number;
  /** Where each portion has to be; -1: anywhere. */
  readonly machine: Int32Array;
}

export function portionsOf(graph: Graph, { together, whole, pinned }: Constraints): Portions {
  const groupOf = new Map(together.flatMap((names, group) => names.map((name) => [name, group] as const)));
  const numbers = new Map<string, number>();
  const portion = Int32Array.from(graph.nodes, ({ name }) => {
    const key = groupOf.has(name) ? `group ${groupOf.get(name)}` : name;
    const known = numbers.get(key) ?? numbers.size;
    numbers.set(key, known);
    return known;
  });
  const single = (name: string): boolean => whole || groupOf.has(name) || pinned.has(name);
  const most = graph.nodes.map((node) => (single(node.name) ? 1 : mostTiles(graph, node)));
  const machine = new Int32Array(numbers.size).fill(-1);
  graph.nodes.forEach(({ name }, i) => {
    const place = pinned.get(name);
    if (place !== undefined) machine[portion[i] as number] = place;
  });
  return { most, portion, count: numbers.size, machine };
}

/** How many parts a graph can be cut into. */
export function mostParts({ most, portion, count }: Portions): number {
  const units = new Int32Array(count);
  most.forEach((n, i) => {
    units[portion[i] as number] = Math.max(n, units[portion[i] as number] as number);
  });
  return units.reduce((sum, n) => sum + n, 0);
}

/** FLOP of a tick of each node, in the graph's order: of every unit, and once beside them where its first is. */
export interface UnitCosts {
  readonly each: Float64Array;
  readonly once: Float64Array;
}

/** @param work of every piece of a tiling, in its order */
export function unitCosts(graph: Graph, { most }: Portions, tiling: Tiling, work: Float64Array): UnitCosts {
  const each = new Float64Array(most.length);
  const once = new Float64Array(most.length);
  let at = 0;
  graph.nodes.forEach(({ name }, i) => {
    const units = most[i] as number;
    const offsets = tiling.get(name) ?? [0, units];
    const first = work[at] as number;
    let others = 0;
    for (let t = 1; t < offsets.length - 1; t++) others += work[at + t] as number;
    const inFirst = offsets[1] as number;
    each[i] = inFirst < units ? others / (units - inFirst) : first / units;
    once[i] = Math.max(0, first - inFirst * (each[i] as number));
    at += offsets.length - 1;
  });
  return { each, once };
}

/** Expected costs of the pieces of a tiling. */
export function pieceWork(graph: Graph, { most }: Portions, tiling: Tiling, { each, once }: UnitCosts): Float64Array {
  const work = graph.nodes.flatMap(({ name }, i) => {
    const offsets = tiling.get(name) ?? [0, most[i] as number];
    const units = offsets.slice(1).map((end, t) => end - (offsets[t] as number));
    return units.map((n, t) => n * (each[i] as number) + (t === 0 ? (once[i] as number) : 0));
  });
  return Float64Array.from(work);
}

/** The largest part that cannot be cut, of all the work. */
export function largestAtom({ most, portion, count }: Portions, costs: UnitCosts): number {
  const atoms = new Float64Array(count);
  most.forEach((_, i) => {
    const p = portion[i] as number;
    atoms[p] = (atoms[p] as number) + (costs.each[i] as number);
  });
  return atoms.reduce((largest, w) => Math.max(largest, w), 0);
}

/**
 * Shares of the work for machines, each node's part of a share being one tile.
 *
 * @param capacity of each machine, in any unit
 * @returns the machine of every piece, in the order in which a tiling has them
 */
export function cutInShares(
  graph: Graph,
  portions: Portions,
  costs: UnitCosts,
  capacity: Float64Array,
): { tiling: Tiling; part: Int32Array } {
  const all = Array.from({ length: portions.count }, (_, p) => ({
    units: 1,
    work: 0,
    once: 0,
    machine: portions.machine[p] as number,
  }));
  portions.most.forEach((units, i) => {
    const portion = all[portions.portion[i] as number] as (typeof all)[number];
    portion.units = Math.max(portion.units, units);
    portion.work += units * (costs.each[i] as number);
    portion.once += costs.once[i] as number;
  });
  const { counts, first } = handOut(all, capacity);
  const tiling = new Map<string, number[]>();
  const part: number[] = [];
  graph.nodes.forEach((node, i) => {
    const portion = portions.portion[i] as number;
    const own = counts[portion] as Int32Array;
    const begins = first[portion] as number;
    const offsets = [0];
    for (const [turn, machine] of [begins, ...own.keys()].entries()) {
      const units = own[machine] as number;
      if (units === 0 || (turn > 0 && machine === begins)) continue;
      offsets.push((offsets.at(-1) as number) + units);
      part.push(machine);
    }
    if (offsets.length > 2) tiling.set(node.name, offsets);
  });
  return { tiling, part: Int32Array.from(part) };
}
