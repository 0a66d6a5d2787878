/** A weighted graph in compressed rows, and what is measured of its partitions. */

export interface Graph {
  readonly count: number;
  /** Vertex v's neighbours are `ends[start[v] .. start[v+1])`; every edge stands at both of its ends. [count + 1] */
  readonly start: Int32Array;
  readonly ends: Int32Array;
  /** Weight of each entry of `ends`, > 0. */
  readonly edge: Float64Array;
  /** Weight of each vertex, >= 0. */
  readonly weight: Float64Array;
}

export function totalWeight(graph: Graph): number {
  let sum = 0;
  for (let v = 0; v < graph.count; v++) sum += graph.weight[v] as number;
  return sum;
}

/** Weight of the edges between different parts. */
export function edgeCut(graph: Graph, part: Int32Array): number {
  const { count, start, ends, edge } = graph;
  let twice = 0;
  for (let v = 0; v < count; v++) {
    const own = part[v];
    for (let e = start[v] as number, end = start[v + 1] as number; e < end; e++)
      if (part[ends[e] as number] !== own) twice += edge[e] as number;
  }
  return twice / 2;
}

export function partWeights(graph: Graph, part: Int32Array, parts: number): Float64Array {
  const sums = new Float64Array(parts);
  for (let v = 0; v < graph.count; v++) {
    const p = part[v] as number;
    sums[p] = (sums[p] as number) + (graph.weight[v] as number);
  }
  return sums;
}

/** By how much parts are over their caps, in all. */
export function overload(weights: Float64Array, caps: Float64Array): number {
  let sum = 0;
  for (let p = 0; p < caps.length; p++) sum += Math.max(0, (weights[p] as number) - (caps[p] as number));
  return sum;
}
