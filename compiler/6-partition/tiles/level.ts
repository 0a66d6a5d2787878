/**
 * Shares made even once it is known what shards really do: units move from the busiest machine to the idlest, where it
 * can be between tiles of one node that both have, so that no new border comes about.
 */
import type { Graph } from '../../4-graph/graph.ts';
import { sum } from '../fleet.ts';
import { type Placed, placed, type Tile, tilesOf } from './placed.ts';
import type { Portions, UnitCosts } from './portions.ts';

/** Machines that are busier than an even share by less are left alone. */
const NEAR = 0.01;

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
  const over = (p: number): number => (work[p] as number) - even * (rates[p] as number);
  const busyness = (p: number): number => over(p) / (rates[p] as number);
  const open = new Set(work.keys());
  let moved = false;
  for (let turn = 0; turn < 8 * work.length && open.size > 0; turn++) {
    const from = [...open].reduce((top, p) => (busyness(p) > busyness(top) ? p : top));
    if (busyness(from) <= even * NEAR) break;
    const idlest = [...work.keys()].reduce((low, p) => (busyness(p) < busyness(low) ? p : low));
    const move = bestMove(nodes, each, from, idlest, over);
    if (!move) {
      open.delete(from);
      continue;
    }
    const { node, to, units } = move;
    give(nodes[node] as Tile[], from, to, units);
    work[from] = (work[from] as number) - units * (each[node] as number);
    work[to] = (work[to] as number) + units * (each[node] as number);
    moved = true;
  }
  return moved ? placed(graph, nodes) : undefined;
}

interface Move {
  readonly node: number;
  readonly to: number;
  readonly units: number;
  /** FLOP that are moved. */
  readonly gain: number;
}

/**
 * The most work that can leave a machine: to one that has a tile of the same node, else as a new tile to the idlest; of
 * a node that is cut already if there is one, for cutting another would change what its units cost.
 */
function bestMove(
  nodes: readonly Tile[][],
  each: Float64Array,
  from: number,
  idlest: number,
  over: (machine: number) => number,
): Move | undefined {
  const best: (Move | undefined)[] = [];
  nodes.forEach((tiles, node) => {
    const spare = tiles.reduce((n, t) => (t.machine === from ? n + t.units - 1 : n), 0);
    const cost = each[node] as number;
    if (spare <= 0 || cost <= 0) return;
    const consider = (to: number, rank: number): void => {
      const units = unitsToMove(cost, Math.min(over(from), -over(to)), over(from) - over(to), spare);
      const gain = units * cost;
      if (units > 0 && gain > (best[rank]?.gain ?? 0)) best[rank] = { node, to, units, gain };
    };
    for (const { machine } of tiles) if (machine !== from) consider(machine, 0);
    consider(idlest, tiles.length > 1 ? 1 : 2);
  });
  const enough = best.find((move) => move && move.gain >= ENOUGH * over(from));
  return enough ?? best.find((move) => move !== undefined);
}

/** A move of less than this share of what should leave a machine gives way to a dearer one. */
const ENOUGH = 0.25;

/** As near to what is wanted as whole units are, and less than what would only change the machines' places. */
function unitsToMove(cost: number, wanted: number, limit: number, spare: number): number {
  if (wanted <= 0) return 0;
  const nearest = Math.min(spare, Math.max(1, Math.round(wanted / cost)));
  return nearest * cost < limit ? nearest : Math.min(spare, Math.floor(wanted / cost));
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
