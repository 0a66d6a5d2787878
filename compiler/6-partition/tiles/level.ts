/**
 * Shares made even once it is known what shards really do: units move from the busiest machine to the idlest, where it
 * can be between tiles of one node that both have, so that no new border comes about.
 */
import type { Graph } from '../../4-graph/graph.ts';
import type { Portions, UnitCosts } from './portions.ts';
import type { Tiling } from './tiling.ts';

export interface Placed {
  readonly tiling: Tiling;
  /** Machine of every piece, in the order in which a tiling has them. */
  readonly part: Int32Array;
}

/** Machines that miss an even share by less are left alone. */
const NEAR = 0.004;

interface Tile {
  machine: number;
  units: number;
}

/**
 * @param done FLOP of a tick of each machine, as measured from its program
 * @param rates FLOP per second of each machine
 * @returns undefined where nothing that can be moved helps
 */
export function level(
  graph: Graph,
  { most }: Portions,
  { tiling, part }: Placed,
  { each }: UnitCosts,
  done: readonly number[],
  rates: readonly number[],
): Placed | undefined {
  const nodes = tilesOf(graph, most, tiling, part);
  const work = [...done];
  const even = sum(work) / sum(rates);
  const load = (p: number): number => (work[p] as number) / (rates[p] as number);
  const stuck = new Set<number>();
  let moved = false;
  for (let turn = 0; turn < 8 * work.length; turn++) {
    const open = [...work.keys()].filter((p) => !stuck.has(p));
    if (open.length === 0) break;
    const from = open.reduce((top, p) => (load(p) > load(top) ? p : top));
    const to = [...work.keys()].reduce((low, p) => (load(p) < load(low) ? p : low));
    if (load(from) <= even * (1 + NEAR)) break;
    const over = (work[from] as number) - even * (rates[from] as number);
    const room = even * (rates[to] as number) - (work[to] as number);
    const best = bestMove(
      nodes,
      each,
      from,
      to,
      Math.min(over, room),
      load(from) * (rates[to] as number) - (work[to] as number),
    );
    if (!best) {
      stuck.add(from);
      continue;
    }
    const { node, units } = best;
    give(nodes[node] as Tile[], from, to, units);
    work[from] = (work[from] as number) - units * (each[node] as number);
    work[to] = (work[to] as number) + units * (each[node] as number);
    moved = true;
  }
  return moved ? placed(graph, nodes) : undefined;
}

function tilesOf(graph: Graph, most: readonly number[], tiling: Tiling, part: Int32Array): Tile[][] {
  let at = 0;
  return graph.nodes.map(({ name }, i) => {
    const offsets = tiling.get(name) ?? [0, most[i] as number];
    return offsets.slice(1).map((end, t) => ({ machine: part[at++] as number, units: end - (offsets[t] as number) }));
  });
}

/** The units of one node that come nearest to what should move, of a node that the receiver has if there is one. */
function bestMove(
  nodes: readonly Tile[][],
  each: Float64Array,
  from: number,
  to: number,
  wanted: number,
  limit: number,
): { node: number; units: number } | undefined {
  let best: { node: number; units: number; shared: boolean; missed: number } | undefined;
  nodes.forEach((tiles, node) => {
    const cost = each[node] as number;
    const spare = tiles.reduce((n, t) => (t.machine === from ? n + t.units - 1 : n), 0);
    if (spare <= 0 || cost <= 0) return;
    let units = Math.min(spare, Math.max(1, Math.round(wanted / cost)));
    if (units * cost >= limit) units = Math.min(spare, Math.floor(wanted / cost));
    if (units <= 0 || units * cost >= limit) return;
    const shared = tiles.some((t) => t.machine === to);
    const missed = Math.abs(wanted - units * cost);
    // A node that both have is worth half of what should move.
    const worth = (s: boolean, m: number): number => m + (s ? 0 : wanted / 2);
    if (!best || worth(shared, missed) < worth(best.shared, best.missed)) best = { node, units, shared, missed };
  });
  return best;
}

/** Every tile keeps a unit. */
function give(tiles: Tile[], from: number, to: number, units: number): void {
  let left = units;
  for (const tile of tiles) {
    if (tile.machine !== from) continue;
    const taken = Math.min(left, tile.units - 1);
    tile.units -= taken;
    left -= taken;
  }
  const own = tiles.find((t) => t.machine === to);
  if (own) own.units += units;
  else tiles.push({ machine: to, units });
}

function placed(graph: Graph, nodes: readonly Tile[][]): Placed {
  const tiling = new Map<string, number[]>();
  graph.nodes.forEach(({ name }, i) => {
    const offsets = [0];
    for (const { units } of nodes[i] ?? []) offsets.push((offsets.at(-1) as number) + units);
    if (offsets.length > 2) tiling.set(name, offsets);
  });
  return { tiling, part: Int32Array.from(nodes.flatMap((tiles) => tiles.map((t) => t.machine))) };
}

function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}
