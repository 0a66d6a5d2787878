/** Shares made even where a unit is too coarse for it: units that are left over go into a tile of spread weights. */
import type { Graph } from '../../4-graph/graph.ts';
import { sum } from '../fleet.ts';
import { type Placed, placed, type Tile, tilesOf } from './placed.ts';
import type { Portions, UnitCosts } from './portions.ts';
import type { Spreads } from './spread.ts';

export interface SpreadOut extends Placed {
  readonly spreads: Spreads;
  /** Units whose weights are spread. */
  readonly units: number;
  /** Place of their tile among the pieces. */
  readonly piece: number;
}

/** Units that are a smaller part of a share can be handed out whole. */
const COARSE = 0.05;
/** Fewer machines have no use for it, nor has a node that most machines have no part of. */
const MIN_MACHINES = 3;
const MIN_SHARE = 0.5;

/**
 * @param done FLOP of a tick of each machine, all machines alike
 * @param beside FLOP of a tick for each spread unit where its tile is: sums of the parts' predictions, above all
 */
export function spreadOut(
  graph: Graph,
  { most }: Portions,
  cut: Placed,
  { each }: UnitCosts,
  done: readonly number[],
  beside: number,
): SpreadOut | undefined {
  const nodes = tilesOf(graph, most, cut.tiling, cut.part);
  const node = widest(nodes, each);
  const tiles = nodes[node] ?? [];
  const cost = each[node] as number;
  const machines = [...new Set(tiles.map((t) => t.machine))];
  if (machines.length < Math.max(MIN_MACHINES, MIN_SHARE * done.length) || !(cost > 0)) return undefined;
  const held = machines.map((machine) => unitsOn(tiles, machine));
  const rest = machines.map((machine, i) => (done[machine] as number) - (held[i] as number) * cost);
  const all = sum(held);
  if (cost < COARSE * ((sum(rest) + all * cost) / machines.length)) return undefined;
  const owner = rest.indexOf(Math.min(...rest));
  let units = 0;
  let kept: number[] = [];
  let room: number[] = [];
  // More units that are spread make more to sum up, which leaves less room.
  for (let turn = 0; turn < 8; turn++) {
    const even = (sum(rest) + all * cost + units * beside) / machines.length;
    room = rest.map((r, i) => even - r - (i === owner ? units * beside : 0));
    kept = room.map((r) => Math.max(1, Math.floor(r / cost)));
    units = all - sum(kept);
  }
  if (units <= 0) return undefined;
  const left = room.map((r, i) => Math.max(0, r - (kept[i] as number) * cost));
  nodes[node] = [
    ...machines.map((machine, i) => ({ machine, units: kept[i] as number })),
    { machine: machines[owner] as number, units },
  ];
  let end = 0;
  const ends = left.map((share) => {
    end += share / sum(left);
    return end;
  });
  const name = graph.nodes[node]?.name ?? '';
  const piece = sum(nodes.slice(0, node + 1).map((list) => list.length)) - 1;
  return { ...placed(graph, nodes), spreads: new Map([[name, ends]]), units, piece };
}

/** The node that most machines have a part of; of several, that with the most work. */
function widest(nodes: readonly (readonly Tile[])[], each: Float64Array): number {
  const spans = nodes.map((tiles) => new Set(tiles.map((t) => t.machine)).size);
  const work = nodes.map((tiles, i) => sum(tiles.map((t) => t.units)) * (each[i] as number));
  return spans.reduce((best, span, i) => {
    const most = spans[best] as number;
    return span > most || (span === most && (work[i] as number) > (work[best] as number)) ? i : best;
  }, 0);
}

function unitsOn(tiles: readonly Tile[], machine: number): number {
  return sum(tiles.map((t) => (t.machine === machine ? t.units : 0)));
}
