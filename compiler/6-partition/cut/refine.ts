/**
 * Local search on the edge cut with hill climbing (Fiduccia and Mattheyses 1982) for any number of parts. Searches start
 * from all boundary vertices, or from one at a time (Sanders and Schulz 2011, "multi-try FM"), go on through moves that
 * make the cut larger, and are taken back to their best moment.
 */

import { createHeap, type Heap } from '../heap.ts';
import type { Rng } from '../rng.ts';
import { type Graph, partWeights } from './graph.ts';

/** Counts edges looked at: what a search costs, the same on every machine. */
export interface Meter {
  visits: number;
}

export interface Refiner {
  /** One search from all boundary vertices. @returns by how much the cut fell */
  wide(patience: number): number;
  /** Searches from each boundary vertex alone. @returns by how much the cut fell */
  local(patience: number): number;
  /** One round of moves that make the cut smaller, or parts more even at the same cut: fast, climbs no hills. */
  greedy(): number;
  /** Moves vertices out of parts over their cap, the cheapest first. @returns whether all are within */
  balance(): boolean;
  /** Weight of each part. */
  readonly weights: Float64Array;
}

/** Vertices of fewer edges look for their best target anew whenever a neighbour moves. */
const FEW_EDGES = 24;

/**
 * @param part changed in place
 * @param caps most weight of each part; moves never go over, nor does what was over grow
 */
export function createRefiner(graph: Graph, part: Int32Array, caps: Float64Array, rng: Rng, meter: Meter): Refiner {
  const { count, start, ends, edge, weight } = graph;
  const parts = caps.length;
  const weights = partWeights(graph, part, parts);
  const heap: Heap = createHeap(count);
  const target = new Int32Array(count);
  const moved = new Int32Array(count);
  let round = 0;
  let path = new Int32Array(1024);
  let pathFrom = new Int32Array(1024);
  const towards = new Float64Array(parts);
  const seen = new Int32Array(parts);

  const degreeStart = (v: number): number => start[v] as number;

  /** The best part to move to, into `target`; -1 where there is none. @returns its gain */
  function bestMove(v: number, anywhere: boolean): number {
    const own = part[v] as number;
    const wv = weight[v] as number;
    let touched = 0;
    let internal = 0;
    meter.visits += (start[v + 1] as number) - degreeStart(v);
    for (let e = degreeStart(v), end = start[v + 1] as number; e < end; e++) {
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
      for (let p = 0; p < parts; p++) {
        const room = (caps[p] as number) - (weights[p] as number) - wv;
        if (p === own || room < 0 || (best >= 0 && room <= bestRoom)) continue;
        best = p;
        bestRoom = room;
      }
      bestTowards = 0;
    }
    target[v] = best;
    return bestTowards - internal;
  }

  function isBoundary(v: number): boolean {
    const own = part[v];
    for (let e = degreeStart(v), end = start[v + 1] as number; e < end; e++)
      if (part[ends[e] as number] !== own) return true;
    return false;
  }

  function move(v: number, to: number): void {
    const from = part[v] as number;
    const wv = weight[v] as number;
    weights[from] = (weights[from] as number) - wv;
    weights[to] = (weights[to] as number) + wv;
    part[v] = to;
  }

  function offer(v: number): void {
    const gain = bestMove(v, false);
    if (target[v] === -1) heap.remove(v);
    else heap.set(v, gain);
  }

  /**
   * The gain of u, whose neighbour by an edge of weight w went from one part to another. Of two parts this is exact; of
   * more, another target may have become better, which vertices of few edges find out by looking at all of them, and
   * others when they are taken from the heap.
   */
  function follow(u: number, w: number, from: number, to: number): void {
    if (!heap.has(u) || (parts > 2 && (start[u + 1] as number) - degreeStart(u) <= FEW_EDGES)) {
      offer(u);
      return;
    }
    const own = part[u] as number;
    const wanted = target[u] as number;
    let change = 0;
    if (own === from) change += w;
    else if (own === to) change -= w;
    if (wanted === to) change += w;
    else if (wanted === from) change -= w;
    if (change !== 0) heap.set(u, heap.keyOf(u) + change);
  }

  /** Runs what is in the heap. @returns the gain kept */
  function search(patience: number): number {
    let gain = 0;
    let best = 0;
    let bestSpread = 0;
    let spread = 0;
    let length = 0;
    let kept = 0;
    while (heap.size() > 0 && length - kept < patience) {
      const v = heap.pop();
      const now = bestMove(v, false);
      const to = target[v] as number;
      if (to < 0) continue;
      // Room may have gone since it was offered: its gain is not what it was.
      if (heap.size() > 0 && now < heap.topKey()) {
        heap.set(v, now);
        continue;
      }
      const from = part[v] as number;
      if (length === path.length) {
        path = doubled(path);
        pathFrom = doubled(pathFrom);
      }
      path[length] = v;
      pathFrom[length++] = from;
      const wv = weight[v] as number;
      // Of equal cuts the more even one: room for later moves.
      spread +=
        wv *
        ((weights[to] as number) / (caps[to] as number) - ((weights[from] as number) - wv) / (caps[from] as number));
      move(v, to);
      moved[v] = round;
      gain += now;
      if (gain > best + 1e-9 || (gain > best - 1e-9 && spread < bestSpread - 1e-9)) {
        best = gain;
        bestSpread = spread;
        kept = length;
      }
      for (let e = degreeStart(v), end = start[v + 1] as number; e < end; e++) {
        const u = ends[e] as number;
        if (moved[u] !== round) follow(u, edge[e] as number, from, to);
      }
    }
    while (length > kept) {
      length--;
      move(path[length] as number, pathFrom[length] as number);
    }
    heap.clear();
    return best;
  }

  return {
    weights,
    wide(patience) {
      round++;
      const order = rng.order(count);
      for (let i = 0; i < count; i++) if (isBoundary(order[i] as number)) offer(order[i] as number);
      return search(patience);
    },
    local(patience) {
      round++;
      let sum = 0;
      const order = rng.order(count);
      for (let i = 0; i < count; i++) {
        const v = order[i] as number;
        if (moved[v] === round || !isBoundary(v)) continue;
        offer(v);
        if (heap.size() > 0) sum += search(patience);
      }
      return sum;
    },
    greedy() {
      let sum = 0;
      const order = rng.order(count);
      for (let i = 0; i < count; i++) {
        const v = order[i] as number;
        const gain = bestMove(v, false);
        const to = target[v] as number;
        if (to < 0 || gain < 0) continue;
        if (gain === 0 && (weights[to] as number) + (weight[v] as number) >= (weights[part[v] as number] as number))
          continue;
        move(v, to);
        sum += gain;
      }
      return sum;
    },
    balance() {
      const over = (p: number): boolean => (weights[p] as number) > (caps[p] as number) + 1e-9;
      for (let p = 0; p < parts; p++) {
        if (!over(p)) continue;
        for (let v = 0; v < count; v++)
          if (part[v] === p && (weight[v] as number) > 0) {
            const gain = bestMove(v, true);
            if (target[v] !== -1) heap.set(v, gain);
          }
        while (over(p) && heap.size() > 0) {
          const v = heap.pop();
          const now = bestMove(v, true);
          if (target[v] === -1) continue;
          if (heap.size() > 0 && now < heap.topKey()) {
            heap.set(v, now);
            continue;
          }
          move(v, target[v] as number);
          for (let e = degreeStart(v), end = start[v + 1] as number; e < end; e++) {
            const u = ends[e] as number;
            if (heap.has(u)) heap.set(u, bestMove(u, true));
          }
        }
        heap.clear();
      }
      for (let p = 0; p < parts; p++) if (over(p)) return false;
      return true;
    },
  };
}

function doubled(array: Int32Array): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(array.length * 2);
  larger.set(array);
  return larger;
}
