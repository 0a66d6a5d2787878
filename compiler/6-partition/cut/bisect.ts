/** Two parts of a graph: grown from a vertex where the graph is small, refined on the way back to the full one. */

import { Heap } from '../heap.ts';
import type { Rng } from '../rng.ts';
import { coarsen } from './coarsen.ts';
import { edgeCut, type Graph, overload, partWeights, totalWeight } from './graph.ts';
import { type Meter, Refiner } from './refine.ts';

const COARSEST = 60;
const PATIENCE = 60;

/**
 * @param share part 0's share of the weight
 * @param slack parts may exceed their share of the weight by this factor less one
 * @param tries growths from which the best is kept, on the coarsest graph
 */
export function bisect(graph: Graph, share: number, slack: number, tries: number, rng: Rng, meter: Meter): Int32Array {
  const total = totalWeight(graph);
  const levels = coarsen(graph, COARSEST, (1.5 * total) / COARSEST, rng);
  const coarsest = levels.at(-1)?.graph ?? graph;
  const caps = Float64Array.of(share * total * (1 + slack), (1 - share) * total * (1 + slack));
  let part: Int32Array = bestGrowth(coarsest, share * total, caps, tries, rng, meter);
  for (let level = levels.length - 1; level >= 0; level--) {
    const { into } = levels[level] as (typeof levels)[number];
    part = into.map((c) => part[c] as number);
    const fine = levels[level - 1]?.graph ?? graph;
    polish(fine, part, caps, rng, meter);
  }
  return part;
}

function polish(graph: Graph, part: Int32Array, caps: Float64Array, rng: Rng, meter: Meter): void {
  const refiner = new Refiner(graph, part, caps, rng, meter);
  refiner.balance();
  for (let round = 0; round < 4; round++) if (refiner.wide(PATIENCE + graph.count / 50) <= 0) break;
}

function bestGrowth(graph: Graph, goal: number, caps: Float64Array, tries: number, rng: Rng, meter: Meter): Int32Array {
  let best: Int32Array | undefined;
  let bestOver = Infinity;
  let bestCut = Infinity;
  for (let i = 0; i < tries; i++) {
    const part = grow(graph, goal, rng);
    polish(graph, part, caps, rng, meter);
    const cut = edgeCut(graph, part);
    const over = overload(partWeights(graph, part, 2), caps);
    if (!best || over < bestOver - 1e-9 || (over < bestOver + 1e-9 && cut < bestCut)) {
      best = part;
      bestOver = over;
      bestCut = cut;
    }
  }
  return best ?? new Int32Array(graph.count);
}

/** Part 0 grows from a random vertex, always by the vertex that costs the cut least, until it weighs enough. */
function grow(graph: Graph, goal: number, rng: Rng): Int32Array {
  const { count, start, ends, edge, weight } = graph;
  const part = new Int32Array(count).fill(1);
  const gain = new Float64Array(count);
  for (let v = 0; v < count; v++)
    for (let e = start[v] as number, end = start[v + 1] as number; e < end; e++)
      gain[v] = (gain[v] as number) - (edge[e] as number);
  const heap = new Heap(count);
  const order = rng.order(count);
  let next = 0;
  let grown = 0;
  while (grown < goal) {
    let v = heap.pop();
    if (v < 0) {
      while (next < count && part[order[next] as number] === 0) next++;
      if (next === count) break;
      v = order[next++] as number;
    }
    const w = weight[v] as number;
    // The last vertex goes where it leaves the smaller error.
    if (grown + w - goal > goal - grown && grown > 0) continue;
    part[v] = 0;
    grown += w;
    for (let e = start[v] as number, end = start[v + 1] as number; e < end; e++) {
      const u = ends[e] as number;
      if (part[u] === 0) continue;
      gain[u] = (gain[u] as number) + 2 * (edge[e] as number);
      heap.set(u, gain[u] as number);
    }
  }
  return part;
}
