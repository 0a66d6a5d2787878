/** A first assignment: parts of the machines' shares with few bytes between them, each put on its machine. */
import type { Level } from './cut/coarsen.ts';
import { coarsen } from './cut/coarsen.ts';
import type { Graph } from './cut/graph.ts';
import { multilevel } from './cut/multilevel.ts';
import { type Fleet, sum } from './fleet.ts';
import type { Hypergraph } from './hypergraph.ts';
import { netGraph } from './net-graph.ts';
import type { Rng } from './rng.ts';

/** How much parts may exceed their shares here; the search that follows makes them even. */
const SLACK = 0.02;

/** Each vertex's part of all the work, or of all the memory where there is no work. */
export function workGraph(h: Hypergraph): Graph {
  const total = sum(h.work);
  const weight = new Float64Array(h.count);
  for (let v = 0; v < h.count; v++) weight[v] = total > 0 ? (h.work[v] as number) / total : 1 / h.count;
  return netGraph(h, weight);
}

/** @param machines those that get a part */
export function firstParts(h: Hypergraph, graph: Graph, fleet: Fleet, machines: Int32Array, rng: Rng): Int32Array {
  const shares = sharesOf(h, fleet, machines);
  const caps = shares.map((share) => share * (1 + SLACK));
  const large = h.count > 50_000;
  const effort = {
    starts: large ? 1 : 4,
    tries: large ? 3 : 6,
    rounds: large ? 2 : 4,
    patience: large ? 0 : 30,
    greedyAbove: 30_000,
    meter: { visits: 0 },
  };
  const part = machines.length === 1 ? new Int32Array(h.count) : multilevel(graph, { shares, caps }, effort, rng);
  return placed(h, fleet, part, machines);
}

/** Shares of the work by rate; a machine whose memory is too small for its share gets what fits, the others the rest. */
function sharesOf(h: Hypergraph, fleet: Fleet, machines: Int32Array): Float64Array {
  const needed = Math.max(sum(h.memory), 1e-300);
  const most =
    machines.length > 0
      ? Float64Array.from(machines, (p) => (fleet.memory[p] as number) / needed)
      : new Float64Array(0);
  const shares = new Float64Array(machines.length);
  const full = new Uint8Array(machines.length);
  for (let round = 0; round <= machines.length; round++) {
    let left = 1;
    let rates = 0;
    for (let i = 0; i < machines.length; i++)
      if (full[i] === 1) left -= shares[i] as number;
      else rates += fleet.rate[machines[i] as number] as number;
    let changed = false;
    for (let i = 0; i < machines.length; i++) {
      if (full[i] === 1) continue;
      shares[i] = (left * (fleet.rate[machines[i] as number] as number)) / rates;
      if ((shares[i] as number) <= (most[i] as number)) continue;
      shares[i] = most[i] as number;
      full[i] = 1;
      changed = true;
    }
    if (!changed) break;
  }
  const all = sum(shares);
  return shares.map((share) => Math.max(share / all, 1e-9));
}

/** Parts become machines; alike machines are exchanged so that pinned vertices find their part there already. */
function placed(h: Hypergraph, fleet: Fleet, part: Int32Array, machines: Int32Array): Int32Array {
  const at = machines.slice();
  if (fleet.uniform && machines.length === fleet.count) {
    const taken = new Uint8Array(fleet.count);
    const done = new Uint8Array(fleet.count);
    const position = Int32Array.from({ length: fleet.count }, (_, i) => i);
    for (let v = 0; v < h.count; v++) {
      const machine = h.fixed[v] as number;
      const p = part[v] as number;
      if (machine < 0 || taken[machine] === 1 || done[p] === 1) continue;
      const before = at[p] as number;
      const other = position[machine] as number;
      at[p] = machine;
      at[other] = before;
      position[machine] = p;
      position[before] = other;
      taken[machine] = 1;
      done[p] = 1;
    }
  }
  return part.map((p, v) => ((h.fixed[v] as number) >= 0 ? (h.fixed[v] as number) : (at[p] as number)));
}

/** Levels of the graph that keep an assignment whole. */
export function levelsWithin(graph: Graph, part: Int32Array, until: number, rng: Rng): Level[] {
  return coarsen(graph, until, 1.5 / until, rng, part);
}
