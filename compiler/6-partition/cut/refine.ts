/**
 * Local search on the edge cut with hill climbing (Fiduccia and Mattheyses 1982) for any number of parts. Searches start
 * from all boundary vertices, or from one at a time (Sanders and Schulz 2011, "multi-try FM"), go on through moves that
 * make the cut larger, and are taken back to their best moment.
 */

import { Heap } from '../heap.ts';
import type { Rng } from '../rng.ts';
import { type Graph, partWeights } from './graph.ts';

/** Counts edges looked at: what a search costs, the same on every machine. */
export interface Meter {
  visits: number;
}

/** Vertices of fewer edges look for their best target anew whenever a neighbour moves. */
const FEW_EDGES = 24;

/** The weights of parts, and what single moves between them would gain. */
class Moves {
  readonly weights: Float64Array;
  /** Part to which each vertex would best go, as `bestOf` last found it; -1: none. */
  readonly target: Int32Array;
  readonly #graph: Graph;
  readonly #part: Int32Array;
  readonly #caps: Float64Array;
  readonly #meter: Meter;
  readonly #towards: Float64Array;
  readonly #seen: Int32Array;

  constructor(graph: Graph, part: Int32Array, caps: Float64Array, meter: Meter) {
    this.#graph = graph;
    this.#part = part;
    this.#caps = caps;
    this.#meter = meter;
    this.weights = partWeights(graph, part, caps.length);
    this.target = new Int32Array(graph.count);
    this.#towards = new Float64Array(caps.length);
    this.#seen = new Int32Array(caps.length);
  }

  /** Finds the best part to move to, into `target`. @param anywhere parts without a neighbour too @returns its gain */
  bestOf(v: number, anywhere: boolean): number {
    const { start, ends, edge, weight } = this.#graph;
    const part = this.#part;
    const caps = this.#caps;
    const weights = this.weights;
    const towards = this.#towards;
    const seen = this.#seen;
    const own = part[v] as number;
    const wv = weight[v] as number;
    const first = start[v] as number;
    const end = start[v + 1] as number;
    let touched = 0;
    let internal = 0;
    this.#meter.visits += end - first;
    for (let e = first; e < end; e++) {
      const p = part[ends[e] as number] as number;
      const w = edge[e] as number;
      if (p === own) internal += w;
      else {
        if (towards[p] === 0) seen[touched++] = p;
        towards[p] = (towards[p] as number) + w;
      }
    }
    let best = -1;
    let bestTowards = -1;
    let bestRoom = 0;
    for (let i = 0; i < touched; i++) {
      const p = seen[i] as number;
      const t = towards[p] as number;
      towards[p] = 0;
      if (t < bestTowards) continue;
      const room = (caps[p] as number) - (weights[p] as number) - wv;
      if (room < 0 || (t === bestTowards && room <= bestRoom)) continue;
      best = p;
      bestTowards = t;
      bestRoom = room;
    }
    if (best < 0 && anywhere) {
      best = this.#roomiest(own, wv);
      bestTowards = 0;
    }
    this.target[v] = best;
    return bestTowards - internal;
  }

  /** The part with the most room for a weight, other than `own`; -1: none has enough. */
  #roomiest(own: number, wv: number): number {
    const caps = this.#caps;
    const weights = this.weights;
    let best = -1;
    let bestRoom = 0;
    for (let p = 0; p < caps.length; p++) {
      const room = (caps[p] as number) - (weights[p] as number) - wv;
      if (p === own || room < 0 || (best >= 0 && room <= bestRoom)) continue;
      best = p;
      bestRoom = room;
    }
    return best;
  }

  isBoundary(v: number): boolean {
    const { start, ends } = this.#graph;
    const part = this.#part;
    const own = part[v];
    for (let e = start[v] as number, end = start[v + 1] as number; e < end; e++)
      if (part[ends[e] as number] !== own) return true;
    return false;
  }

  move(v: number, to: number): void {
    const weights = this.weights;
    const from = this.#part[v] as number;
    const wv = this.#graph.weight[v] as number;
    weights[from] = (weights[from] as number) - wv;
    weights[to] = (weights[to] as number) + wv;
    this.#part[v] = to;
  }

  isOver(p: number): boolean {
    return (this.weights[p] as number) > (this.#caps[p] as number) + 1e-9;
  }
}

export class Refiner {
  readonly #graph: Graph;
  readonly #part: Int32Array;
  readonly #caps: Float64Array;
  readonly #rng: Rng;
  readonly #moves: Moves;
  readonly #heap: Heap;
  /** Round in which each vertex last moved. */
  readonly #moved: Int32Array;
  #round = 0;
  /** Vertices that the running search has moved, and where they were. */
  #path = new Int32Array(1024);
  #pathFrom = new Int32Array(1024);

  /**
   * @param part changed in place
   * @param caps most weight of each part; moves never go over, nor does what was over grow
   */
  constructor(graph: Graph, part: Int32Array, caps: Float64Array, rng: Rng, meter: Meter) {
    this.#graph = graph;
    this.#part = part;
    this.#caps = caps;
    this.#rng = rng;
    this.#moves = new Moves(graph, part, caps, meter);
    this.#heap = new Heap(graph.count);
    this.#moved = new Int32Array(graph.count);
  }

  /** One search from all boundary vertices. @returns by how much the cut fell */
  wide(patience: number): number {
    const { count } = this.#graph;
    this.#round++;
    const order = this.#rng.order(count);
    for (let i = 0; i < count; i++) {
      const v = order[i] as number;
      if (this.#moves.isBoundary(v)) this.#offer(v);
    }
    return this.#search(patience);
  }

  /** Searches from each boundary vertex alone. @returns by how much the cut fell */
  local(patience: number): number {
    const { count } = this.#graph;
    this.#round++;
    let sum = 0;
    const order = this.#rng.order(count);
    for (let i = 0; i < count; i++) {
      const v = order[i] as number;
      if (this.#moved[v] === this.#round || !this.#moves.isBoundary(v)) continue;
      this.#offer(v);
      if (this.#heap.size() > 0) sum += this.#search(patience);
    }
    return sum;
  }

  /** One round of moves that make the cut smaller, or parts more even at the same cut: fast, climbs no hills. */
  greedy(): number {
    const { count, weight } = this.#graph;
    const moves = this.#moves;
    const { weights, target } = moves;
    let sum = 0;
    const order = this.#rng.order(count);
    for (let i = 0; i < count; i++) {
      const v = order[i] as number;
      const gain = moves.bestOf(v, false);
      const to = target[v] as number;
      if (to < 0 || gain < 0) continue;
      const from = this.#part[v] as number;
      if (gain === 0 && (weights[to] as number) + (weight[v] as number) >= (weights[from] as number)) continue;
      moves.move(v, to);
      sum += gain;
    }
    return sum;
  }

  /** Moves vertices out of parts over their cap, the cheapest first. @returns whether all are within */
  balance(): boolean {
    const parts = this.#caps.length;
    for (let p = 0; p < parts; p++) if (this.#moves.isOver(p)) this.#relieve(p);
    for (let p = 0; p < parts; p++) if (this.#moves.isOver(p)) return false;
    return true;
  }

  #relieve(p: number): void {
    const { count, start, ends, weight } = this.#graph;
    const moves = this.#moves;
    const heap = this.#heap;
    const { target } = moves;
    for (let v = 0; v < count; v++)
      if (this.#part[v] === p && (weight[v] as number) > 0) {
        const gain = moves.bestOf(v, true);
        if (target[v] !== -1) heap.set(v, gain);
      }
    while (moves.isOver(p) && heap.size() > 0) {
      const v = heap.pop();
      const now = moves.bestOf(v, true);
      if (target[v] === -1) continue;
      if (heap.size() > 0 && now < heap.topKey()) {
        heap.set(v, now);
        continue;
      }
      moves.move(v, target[v] as number);
      for (let e = start[v] as number, end = start[v + 1] as number; e < end; e++) {
        const u = ends[e] as number;
        if (heap.has(u)) heap.set(u, moves.bestOf(u, true));
      }
    }
    heap.clear();
  }

  #offer(v: number): void {
    const gain = this.#moves.bestOf(v, false);
    if (this.#moves.target[v] === -1) this.#heap.remove(v);
    else this.#heap.set(v, gain);
  }

  /**
   * The gain of u, whose neighbour by an edge of weight w went from one part to another. Of two parts this is exact; of
   * more, another target may have become better, which vertices of few edges find out by looking at all of them, and
   * others when they are taken from the heap.
   */
  #follow(u: number, w: number, from: number, to: number): void {
    const { start } = this.#graph;
    const heap = this.#heap;
    const isSmall = (start[u + 1] as number) - (start[u] as number) <= FEW_EDGES;
    if (!heap.has(u) || (this.#caps.length > 2 && isSmall)) {
      this.#offer(u);
      return;
    }
    const own = this.#part[u] as number;
    const wanted = this.#moves.target[u] as number;
    let change = 0;
    if (own === from) change += w;
    else if (own === to) change -= w;
    if (wanted === to) change += w;
    else if (wanted === from) change -= w;
    if (change !== 0) heap.set(u, heap.keyOf(u) + change);
  }

  /** Runs what is in the heap. @returns the gain kept */
  #search(patience: number): number {
    const { start, ends, edge } = this.#graph;
    const part = this.#part;
    const moves = this.#moves;
    const heap = this.#heap;
    const moved = this.#moved;
    const round = this.#round;
    let gain = 0;
    let best = 0;
    let bestSpread = 0;
    let spread = 0;
    let length = 0;
    let kept = 0;
    while (heap.size() > 0 && length - kept < patience) {
      const v = heap.pop();
      const now = moves.bestOf(v, false);
      const to = moves.target[v] as number;
      if (to < 0) continue;
      // Room may have gone since it was offered: its gain is not what it was.
      if (heap.size() > 0 && now < heap.topKey()) {
        heap.set(v, now);
        continue;
      }
      const from = part[v] as number;
      if (length === this.#path.length) this.#lengthenPath();
      this.#path[length] = v;
      this.#pathFrom[length++] = from;
      // Of equal cuts the more even one: room for later moves.
      spread += this.#spreadOf(v, from, to);
      moves.move(v, to);
      moved[v] = round;
      gain += now;
      if (gain > best + 1e-9 || (gain > best - 1e-9 && spread < bestSpread - 1e-9)) {
        best = gain;
        bestSpread = spread;
        kept = length;
      }
      for (let e = start[v] as number, end = start[v + 1] as number; e < end; e++) {
        const u = ends[e] as number;
        if (moved[u] !== round) this.#follow(u, edge[e] as number, from, to);
      }
    }
    while (length > kept) {
      length--;
      moves.move(this.#path[length] as number, this.#pathFrom[length] as number);
    }
    heap.clear();
    return best;
  }

  /** By how much less even the parts become when v moves. */
  #spreadOf(v: number, from: number, to: number): number {
    const { weights } = this.#moves;
    const caps = this.#caps;
    const wv = this.#graph.weight[v] as number;
    return (
      wv * ((weights[to] as number) / (caps[to] as number) - ((weights[from] as number) - wv) / (caps[from] as number))
    );
  }

  #lengthenPath(): void {
    this.#path = doubled(this.#path);
    this.#pathFrom = doubled(this.#pathFrom);
  }
}

function doubled(array: Int32Array): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(array.length * 2);
  larger.set(array);
  return larger;
}
