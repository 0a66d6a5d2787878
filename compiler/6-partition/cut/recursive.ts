/** Parts of given shares by halving, and halving the halves. */
import type { Rng } from '../rng.ts';
import { bisect } from './bisect.ts';
import type { Graph } from './graph.ts';
import type { Meter } from './refine.ts';

/**
 * @param shares of the weight, one for each part, summing to 1
 * @param slack by how much the last parts may exceed their shares; each halving gets its root
 */
export function recursiveBisection(
  graph: Graph,
  shares: Float64Array,
  slack: number,
  tries: number,
  rng: Rng,
  meter: Meter,
): Int32Array {
  const part = new Int32Array(graph.count);
  const depth = Math.ceil(Math.log2(Math.max(2, shares.length)));
  const each = slack / depth;
  halve(graph, identity(graph.count), 0, shares);
  return part;

  /** @param original vertex of the whole graph for each of this one; @param first number of its first part */
  function halve(piece: Graph, original: Int32Array, first: number, wanted: Float64Array): void {
    if (wanted.length === 1) {
      for (const v of original) part[v] = first;
      return;
    }
    const middle = wanted.length >> 1;
    const sum = (from: number, to: number): number => wanted.subarray(from, to).reduce((a, b) => a + b, 0);
    const share = sum(0, middle) / sum(0, wanted.length);
    const side = bisect(piece, share, each, tries, rng, meter);
    for (const half of [0, 1]) {
      const { graph: inner, vertices } = subgraph(piece, side, half);
      const names = vertices.map((v) => original[v] as number);
      halve(
        inner,
        names,
        half === 0 ? first : first + middle,
        half === 0 ? wanted.subarray(0, middle) : wanted.subarray(middle),
      );
    }
  }
}

function identity(n: number): Int32Array {
  return Int32Array.from({ length: n }, (_, i) => i);
}

/** The vertices of one side with the edges among them. */
export function subgraph(graph: Graph, side: Int32Array, which: number): { graph: Graph; vertices: Int32Array } {
  const { count, start, ends, edge, weight } = graph;
  const name = new Int32Array(count).fill(-1);
  let size = 0;
  let edges = 0;
  for (let v = 0; v < count; v++) {
    if (side[v] !== which) continue;
    name[v] = size++;
    edges += (start[v + 1] as number) - (start[v] as number);
  }
  const vertices = new Int32Array(size);
  const newStart = new Int32Array(size + 1);
  const newEnds = new Int32Array(edges);
  const newEdge = new Float64Array(edges);
  const newWeight = new Float64Array(size);
  let filled = 0;
  for (let v = 0; v < count; v++) {
    const n = name[v] as number;
    if (n < 0) continue;
    vertices[n] = v;
    newWeight[n] = weight[v] as number;
    for (let e = start[v] as number, end = start[v + 1] as number; e < end; e++) {
      const u = name[ends[e] as number] as number;
      if (u < 0) continue;
      newEnds[filled] = u;
      newEdge[filled++] = edge[e] as number;
    }
    newStart[n + 1] = filled;
  }
  return {
    graph: {
      count: size,
      start: newStart,
      ends: newEnds.slice(0, filled),
      edge: newEdge.slice(0, filled),
      weight: newWeight,
    },
    vertices,
  };
}
