/** From an assignment to the best that the searches find near it. */

import type { Graph } from './cut/graph.ts';
import { descend } from './descend.ts';
import { levelsWithin } from './first-parts.ts';
import type { Fleet } from './fleet.ts';
import { contractHypergraph, type Hypergraph } from './hypergraph.ts';
import type { Rng } from './rng.ts';
import { State } from './state.ts';
import { bestRelabelling, swapOffWorst } from './swap.ts';
import { wander } from './wander.ts';

/** Up to so many vertices random walks pay. */
export const SMALL = 256;
const MEDIUM = 20_000;
/** Halvings of the interval between the bound and the bottleneck reached. */
const HALVINGS = 6;

export interface Search {
  readonly fleet: Fleet;
  readonly rng: Rng;
  readonly keepAll: boolean;
  /** No assignment has a smaller bottleneck, seconds. */
  readonly bound: number;
  readonly tolerance: number;
}

/** Steps of a walk: more for more vertices, fewer where each looks at many pins. */
function stepsFor({ h }: State): number {
  const looks = 1 + (2 * h.nets.pins.length) / Math.max(1, h.count);
  return Math.min(2000 + 150 * h.count, Math.max(1000, 2e6 / looks));
}

/** Down, exchanges, down, … at the state's cap. */
function settle(state: State, { rng, keepAll }: Search): void {
  const { count } = state.h;
  if (count <= SMALL) wander(state, rng, stepsFor(state), keepAll);
  const rounds = count <= MEDIUM ? 8 : 3;
  for (let turn = 0; turn < 4; turn++) {
    descend(state, rng, rounds, keepAll);
    if (count > MEDIUM) break;
    if (!swapOffWorst(state, rng, count <= SMALL ? count : 60)) break;
  }
}

/**
 * The smallest cap that the search can keep, by halving between the bound and what it reached; then the fewest bytes
 * under that cap.
 */
export function tighten(h: Hypergraph, start: Int32Array, search: Search): Int32Array {
  const { fleet, bound, tolerance } = search;
  const state = new State(h, fleet, start.slice());
  let low = bound;
  state.setCap(bound * (1 + tolerance));
  settle(state, search);
  let best = state.part.slice();
  let reached = state.bottleneck();
  let spilled = state.overMemory();
  // Nothing was over, so that bytes were all that counted: done.
  if (reached <= bound * (1 + tolerance) && spilled === 0) return best;
  const halvings = h.count <= MEDIUM ? HALVINGS : 2;
  for (let i = 0; i < halvings && reached > low * (1 + tolerance); i++) {
    const cap = (low + reached) / 2;
    state.setCap(cap);
    settle(state, search);
    const now = state.bottleneck();
    const spill = state.overMemory();
    if (spill < spilled || (spill <= spilled && now < reached)) {
      best = state.part.slice();
      reached = now;
      spilled = spill;
    } else {
      for (let v = 0; v < h.count; v++) state.move(v, best[v] as number);
    }
    if (now > cap) low = cap;
  }
  const last = new State(h, fleet, best);
  last.setCap(Math.max(reached, bound * (1 + tolerance)));
  settle(last, search);
  return last.part;
}

/** Contracts what is together, moves groups at every level back, then tightens. */
export function improve(h: Hypergraph, graph: Graph, start: Int32Array, search: Search): Int32Array {
  const { fleet, rng } = search;
  let part = start;
  const near = bottleneckOf(h, fleet, part) <= 1.1 * search.bound;
  // Where computing binds, the first parts are good; where traffic does, whole groups have to move.
  if (h.count > SMALL && !(near && h.count > MEDIUM)) {
    const levels = levelsWithin(graph, part, Math.max(SMALL, 12 * fleet.count), rng);
    const coarse: Hypergraph[] = [];
    let small: Int32Array = part;
    for (const { into, graph: level } of levels) {
      coarse.push(contractHypergraph(coarse.at(-1) ?? h, into, level.count));
      const next = new Int32Array(level.count);
      for (let v = 0; v < into.length; v++) next[into[v] as number] = small[v] as number;
      small = next;
    }
    const wanted = Math.max(search.bound * (1 + search.tolerance), 0.8 * bottleneckOf(h, fleet, part));
    for (let i = levels.length - 1; i >= 0; i--) {
      const state = new State(coarse[i] as Hypergraph, fleet, small);
      state.setCap(wanted);
      settle(state, search);
      coarse.length = i; // what is done is not kept in memory
      const { into } = levels[i] as (typeof levels)[number];
      small = into.map((c) => small[c] as number);
    }
    part = small;
  }
  part = relabelled(h, fleet, part);
  return tighten(h, part, search);
}

function bottleneckOf(h: Hypergraph, fleet: Fleet, part: Int32Array): number {
  return new State(h, fleet, part).bottleneck();
}

/** Exchanges whole machines, where they differ. */
function relabelled(h: Hypergraph, fleet: Fleet, part: Int32Array): Int32Array {
  if (fleet.uniform) return part;
  const at = bestRelabelling(new State(h, fleet, part));
  return at ? part.map((p, v) => ((h.fixed[v] as number) >= 0 ? p : (at[p] as number))) : part;
}
