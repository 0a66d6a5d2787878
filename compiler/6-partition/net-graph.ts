/** A graph that is like a hypergraph: cheap to coarsen and to cut, close enough to start from. */
import type { Graph } from './cut/graph.ts';
import type { Hypergraph } from './hypergraph.ts';

/**
 * Each net becomes a star around its hub and a ring through its pins. A net of d pins costs between one and d crossings:
 * its star weighs the geometric mean, √d of its bytes; the ring, as much as one crossing, draws pins together.
 *
 * @param weight of each vertex
 */
export function netGraph(h: Hypergraph, weight: Float64Array): Graph {
  const { nets } = h;
  const start = new Int32Array(h.count + 1);
  const each = (visit: (a: number, b: number, w: number) => void): void => {
    for (let i = 0; i < nets.count; i++) {
      const bytes = (nets.out[i] as number) + (nets.back[i] as number);
      if (bytes <= 0) continue;
      const hub = nets.hub[i] as number;
      const begin = nets.pinStart[i] as number;
      const end = nets.pinStart[i + 1] as number;
      const pins = end - begin;
      const spoke = bytes / Math.sqrt(pins);
      for (let e = begin; e < end; e++) visit(hub, nets.pins[e] as number, spoke);
      if (pins < 2) continue;
      for (let e = begin; e < end - 1; e++) visit(nets.pins[e] as number, nets.pins[e + 1] as number, bytes / pins);
      if (pins > 2) visit(nets.pins[end - 1] as number, nets.pins[begin] as number, bytes / pins);
    }
  };
  each((a, b) => {
    start[a + 1] = (start[a + 1] as number) + 1;
    start[b + 1] = (start[b + 1] as number) + 1;
  });
  for (let v = 0; v < h.count; v++) start[v + 1] = (start[v + 1] as number) + (start[v] as number);
  const fill = start.slice(0, h.count);
  const ends = new Int32Array(start[h.count] as number);
  const edge = new Float64Array(ends.length);
  const put = (a: number, b: number, w: number): void => {
    const i = fill[a] as number;
    ends[i] = b;
    edge[i] = w;
    fill[a] = i + 1;
  };
  each((a, b, w) => {
    put(a, b, w);
    put(b, a, w);
  });
  return withoutParallels({ count: h.count, start, ends, edge, weight });
}

function withoutParallels(graph: Graph): Graph {
  const { count, start, ends, edge, weight } = graph;
  const slot = new Int32Array(count).fill(-1);
  const newStart = new Int32Array(count + 1);
  let size = 0;
  for (let v = 0; v < count; v++) {
    const begin = size;
    for (let e = start[v] as number, end = start[v + 1] as number; e < end; e++) {
      const u = ends[e] as number;
      const at = slot[u] as number;
      if (at >= begin) edge[at] = (edge[at] as number) + (edge[e] as number);
      else {
        slot[u] = size;
        ends[size] = u;
        edge[size++] = edge[e] as number;
      }
    }
    newStart[v + 1] = size;
  }
  return { count, start: newStart, ends: ends.slice(0, size), edge: edge.slice(0, size), weight };
}
