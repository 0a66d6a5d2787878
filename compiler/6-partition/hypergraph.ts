/** Pieces and nets in the form that the search works on: distinct pins, and the nets of every piece. */
import type { Nets } from './problem.ts';

export interface Hypergraph {
  readonly count: number;
  /** FLOP and bytes of each vertex. */
  readonly work: Float64Array;
  readonly memory: Float64Array;
  /** Machine that a vertex must be on, or -1. */
  readonly fixed: Int32Array;
  /** Pins distinct and without the hub; no net without pins. */
  readonly nets: Nets;
  /** Nets whose hub vertex v is: `hubNets[hubStart[v] .. hubStart[v+1])`. */
  readonly hubStart: Int32Array;
  readonly hubNets: Int32Array;
  /** Nets that vertex v is a pin of. */
  readonly netStart: Int32Array;
  readonly netsOf: Int32Array;
}

export interface Vertices {
  readonly count: number;
  readonly work: Float64Array;
  readonly memory: Float64Array;
  readonly fixed: Int32Array;
}

/** @param nets over the vertices; pins may repeat */
export function hypergraph(vertices: Vertices, nets: Nets): Hypergraph {
  const clean = mergedNets(nets, undefined, vertices.count);
  return { ...vertices, nets: clean, ...incidence(clean, vertices.count) };
}

/** The hypergraph whose vertices are groups. @param into group of each vertex, 0 … count - 1 */
export function contractHypergraph(h: Hypergraph, into: Int32Array, count: number): Hypergraph {
  const work = new Float64Array(count);
  const memory = new Float64Array(count);
  const fixed = new Int32Array(count).fill(-1);
  for (let v = 0; v < h.count; v++) {
    const c = into[v] as number;
    work[c] = (work[c] as number) + (h.work[v] as number);
    memory[c] = (memory[c] as number) + (h.memory[v] as number);
    if (h.fixed[v] !== -1) fixed[c] = h.fixed[v] as number;
  }
  const nets = mergedNets(h.nets, into, count);
  return { count, work, memory, fixed, nets, ...incidence(nets, count) };
}

/**
 * Nets over groups, pins made distinct. Nets of one pin with the same hub and pin become one: in contracted graphs most
 * are of that kind.
 */
function mergedNets(nets: Nets, into: Int32Array | undefined, count: number): Nets {
  const order = byHub(nets, into, count);
  const hub = new Int32Array(nets.count);
  const pinStart = new Int32Array(nets.count + 1);
  const pins = new Int32Array(nets.pins.length);
  const out = new Float64Array(nets.count);
  const back = new Float64Array(nets.count);
  const seen = new Int32Array(count).fill(-1);
  const single = new Int32Array(count).fill(-1);
  let made = 0;
  let firstOfHub = 0;
  let lastHub = -1;
  let size = 0;
  for (let k = 0; k < nets.count; k++) {
    const i = order[k] as number;
    const own = into ? (into[nets.hub[i] as number] as number) : (nets.hub[i] as number);
    if (own !== lastHub) {
      lastHub = own;
      firstOfHub = made;
    }
    const begin = size;
    for (let e = nets.pinStart[i] as number, end = nets.pinStart[i + 1] as number; e < end; e++) {
      const pin = nets.pins[e] as number;
      const v = into ? (into[pin] as number) : pin;
      if (v === own || seen[v] === i) continue;
      seen[v] = i;
      pins[size++] = v;
    }
    if (size === begin) continue;
    let at = made;
    if (size === begin + 1) {
      const v = pins[begin] as number;
      if ((single[v] as number) >= firstOfHub) {
        at = single[v] as number;
        size = begin;
      } else single[v] = made;
    }
    if (at === made) {
      hub[made] = own;
      pinStart[++made] = size;
    }
    out[at] = (out[at] as number) + (nets.out[i] as number);
    back[at] = (back[at] as number) + (nets.back[i] as number);
  }
  return {
    count: made,
    hub: hub.slice(0, made),
    pinStart: pinStart.slice(0, made + 1),
    pins: pins.slice(0, size),
    out: out.slice(0, made),
    back: back.slice(0, made),
  };
}

/** Nets ordered by their hub's group. */
function byHub(nets: Nets, into: Int32Array | undefined, count: number): Int32Array {
  const first = new Int32Array(count + 1);
  const groupOf = (i: number): number => (into ? (into[nets.hub[i] as number] as number) : (nets.hub[i] as number));
  for (let i = 0; i < nets.count; i++) first[groupOf(i) + 1] = (first[groupOf(i) + 1] as number) + 1;
  for (let c = 0; c < count; c++) first[c + 1] = (first[c + 1] as number) + (first[c] as number);
  const order = new Int32Array(nets.count);
  for (let i = 0; i < nets.count; i++) {
    const c = groupOf(i);
    order[first[c] as number] = i;
    first[c] = (first[c] as number) + 1;
  }
  return order;
}

function incidence(nets: Nets, count: number): Pick<Hypergraph, 'hubStart' | 'hubNets' | 'netStart' | 'netsOf'> {
  const hubStart = new Int32Array(count + 1);
  const netStart = new Int32Array(count + 1);
  for (let i = 0; i < nets.count; i++) bump(hubStart, (nets.hub[i] as number) + 1);
  for (const v of nets.pins) bump(netStart, v + 1);
  for (let v = 0; v < count; v++) {
    hubStart[v + 1] = (hubStart[v + 1] as number) + (hubStart[v] as number);
    netStart[v + 1] = (netStart[v + 1] as number) + (netStart[v] as number);
  }
  const hubNets = new Int32Array(nets.count);
  const netsOf = new Int32Array(nets.pins.length);
  const hubFill = hubStart.slice(0, count);
  const netFill = netStart.slice(0, count);
  for (let i = 0; i < nets.count; i++) {
    hubNets[bump(hubFill, nets.hub[i] as number)] = i;
    for (let e = nets.pinStart[i] as number, end = nets.pinStart[i + 1] as number; e < end; e++)
      netsOf[bump(netFill, nets.pins[e] as number)] = i;
  }
  return { hubStart, hubNets, netStart, netsOf };
}

/** Adds one. @returns what was there before */
function bump(array: Int32Array, i: number): number {
  const before = array[i] as number;
  array[i] = before + 1;
  return before;
}
