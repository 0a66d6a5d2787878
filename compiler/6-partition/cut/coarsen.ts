/** Smaller graphs of the same shape: vertices that belong together become one. */
import type { Rng } from '../rng.ts';
import type { Graph } from './graph.ts';

export interface Level {
  readonly graph: Graph;
  /** Vertex of `graph` that each vertex of the finer graph went into. */
  readonly into: Int32Array;
}

export interface Matching {
  /** New vertex of every vertex. */
  readonly into: Int32Array;
  readonly count: number;
}

/** Largest degree whose neighbours are paired through it: above, pairing through a hub says little. */
const MAX_HUB_DEGREE = 500;

/**
 * Pairs each vertex, in random order, with the neighbour of the best rating w² / (weight · weight): heavy edges first,
 * light vertices first (Holtgrewe, Sanders and Schulz 2010, "expansion*2"). Vertices left over pair up with others that
 * share their best neighbour, so that stars shrink, too.
 *
 * @param most weight that no pair may exceed
 * @param labels pairs only within the same label: what keeps a partition whole in the smaller graph
 */
export function match(graph: Graph, most: number, rng: Rng, labels?: Int32Array): Matching {
  const { count, start, ends, edge, weight } = graph;
  const mate = new Int32Array(count).fill(-1);
  const order = rng.order(count);
  for (let i = 0; i < count; i++) {
    const v = order[i] as number;
    if (mate[v] !== -1) continue;
    const wv = weight[v] as number;
    let best = -1;
    let bestRating = -1;
    for (let e = start[v] as number, end = start[v + 1] as number; e < end; e++) {
      const u = ends[e] as number;
      if (mate[u] !== -1 || u === v) continue;
      const wu = weight[u] as number;
      if (wu + wv > most || (labels && labels[u] !== labels[v])) continue;
      const w = edge[e] as number;
      const rating = (w * w) / Math.max(wu, 1e-30);
      if (rating > bestRating) {
        bestRating = rating;
        best = u;
      }
    }
    if (best >= 0) {
      mate[v] = best;
      mate[best] = v;
    }
  }
  pairThroughHubs(graph, mate, order, most, labels);
  return numbered(mate);
}

function pairThroughHubs(graph: Graph, mate: Int32Array, order: Int32Array, most: number, labels?: Int32Array): void {
  const { count, start, ends, edge, weight } = graph;
  const waiting = new Int32Array(count).fill(-1);
  for (let i = 0; i < count; i++) {
    const v = order[i] as number;
    if (mate[v] !== -1) continue;
    let hub = -1;
    let heaviest = 0;
    for (let e = start[v] as number, end = start[v + 1] as number; e < end; e++)
      if ((edge[e] as number) > heaviest && (!labels || labels[ends[e] as number] === labels[v])) {
        heaviest = edge[e] as number;
        hub = ends[e] as number;
      }
    if (hub < 0 || (start[hub + 1] as number) - (start[hub] as number) > MAX_HUB_DEGREE) continue;
    const other = waiting[hub] as number;
    if (other < 0) {
      waiting[hub] = v;
    } else if ((weight[other] as number) + (weight[v] as number) <= most) {
      mate[v] = other;
      mate[other] = v;
      waiting[hub] = -1;
    }
  }
}

function numbered(mate: Int32Array): Matching {
  const into = new Int32Array(mate.length).fill(-1);
  let next = 0;
  for (let v = 0; v < mate.length; v++) {
    if (into[v] !== -1) continue;
    into[v] = next;
    const other = mate[v] as number;
    if (other >= 0) into[other] = next;
    next++;
  }
  return { into, count: next };
}

/** The graph whose vertices are the groups: weights add up, parallel edges become one, loops go. */
export function contract(graph: Graph, { into, count }: Matching): Graph {
  const { start, ends, edge, weight } = graph;
  const newWeight = new Float64Array(count);
  const firstOf = new Int32Array(count + 1);
  for (let v = 0; v < graph.count; v++) {
    const c = into[v] as number;
    newWeight[c] = (newWeight[c] as number) + (weight[v] as number);
    firstOf[c + 1] = (firstOf[c + 1] as number) + 1;
  }
  for (let c = 0; c < count; c++) firstOf[c + 1] = (firstOf[c + 1] as number) + (firstOf[c] as number);
  const members = new Int32Array(graph.count);
  const fill = firstOf.slice(0, count);
  for (let v = 0; v < graph.count; v++) {
    const c = into[v] as number;
    const i = fill[c] as number;
    members[i] = v;
    fill[c] = i + 1;
  }
  const newStart = new Int32Array(count + 1);
  const newEnds = new Int32Array(ends.length);
  const newEdge = new Float64Array(ends.length);
  const slot = new Int32Array(count).fill(-1);
  let size = 0;
  for (let c = 0; c < count; c++) {
    const begin = size;
    for (let i = firstOf[c] as number, last = firstOf[c + 1] as number; i < last; i++) {
      const v = members[i] as number;
      for (let e = start[v] as number, end = start[v + 1] as number; e < end; e++) {
        const d = into[ends[e] as number] as number;
        if (d === c) continue;
        const at = slot[d] as number;
        if (at >= begin) {
          newEdge[at] = (newEdge[at] as number) + (edge[e] as number);
        } else {
          slot[d] = size;
          newEnds[size] = d;
          newEdge[size] = edge[e] as number;
          size++;
        }
      }
    }
    newStart[c + 1] = size;
  }
  return { count, start: newStart, ends: newEnds.slice(0, size), edge: newEdge.slice(0, size), weight: newWeight };
}

/** Levels from fine to coarse, until `until` vertices are left or pairing no longer helps. */
export function coarsen(graph: Graph, until: number, mostWeight: number, rng: Rng, labels?: Int32Array): Level[] {
  const levels: Level[] = [];
  let fine = graph;
  let label = labels;
  while (fine.count > until) {
    const matching = match(fine, mostWeight, rng, label);
    if (matching.count > 0.95 * fine.count) break;
    const smaller = contract(fine, matching);
    levels.push({ graph: smaller, into: matching.into });
    if (label) label = carried(label, matching);
    fine = smaller;
  }
  return levels;
}

/** Labels of the groups; members share theirs. */
export function carried(labels: Int32Array, { into, count }: Matching): Int32Array {
  const result = new Int32Array(count);
  for (let v = 0; v < into.length; v++) result[into[v] as number] = labels[v] as number;
  return result;
}
