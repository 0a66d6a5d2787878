/** Moves that lower the cost, until there are none: the step that every search ends with. */
import type { Rng } from './rng.ts';
import type { State } from './state.ts';

/** Below this a change is rounding. */
export const NOTHING = 1e-12;
/** Up to so many vertices every machine that could take one is looked at. */
const THOROUGH = 5000;

/**
 * Rounds over all vertices in random order; each goes where it lowers the cost most: to a machine that its nets touch or,
 * from a machine with anything over, to the idlest one.
 *
 * @param keepAll machines keep their last vertex
 * @returns whether anything moved
 */
export function descend(state: State, rng: Rng, rounds: number, keepAll: boolean): boolean {
  const { h, part, members } = state;
  const thorough = h.count <= THOROUGH;
  let any = false;
  for (let round = 0; round < rounds; round++) {
    let moves = 0;
    const order = rng.order(h.count);
    for (let k = 0; k < h.count; k++) {
      const v = order[k] as number;
      const own = part[v] as number;
      if (h.fixed[v] !== -1 || (keepAll && members[own] === 1)) continue;
      const to = bestMachine(state, v, thorough);
      if (to < 0) continue;
      state.move(v, to);
      moves++;
    }
    any ||= moves > 0;
    if (moves === 0 || (round > 0 && moves < h.count / 2000)) break;
  }
  return any;
}

/**
 * Where v lowers the cost most; -1 when nowhere.
 *
 * @param thorough looks at every machine that v's nets touch; otherwise at those that save bytes, or, from a machine with
 *   anything over, at the few that save most
 */
function bestMachine(state: State, v: number, thorough: boolean): number {
  const own = state.part[v] as number;
  const { machines, count, pull } = state.pulls(v);
  const over = state.isOver(own);
  let best = -1;
  let least = -NOTHING;
  const look = (q: number): void => {
    const change = state.delta(v, q);
    if (change >= least) return;
    least = change;
    best = q;
  };
  if (thorough) {
    for (let k = 1; k < count; k++) look(machines[k] as number);
  } else {
    // The own machine stands first.
    const [first, second] = strongest(machines, count, pull);
    const worth = (q: number): boolean => q >= 0 && (over || (pull[q] as number) > (pull[own] as number));
    if (worth(first)) look(first);
    if (worth(second) && (best < 0 || over)) look(second);
  }
  if (over) look(idlest(state, v));
  return best;
}

/** The two machines, v's own left out, that pull most; -1 where there is none. */
function strongest(machines: Int32Array, count: number, pull: Float64Array): readonly [number, number] {
  let first = -1;
  let second = -1;
  for (let k = 1; k < count; k++) {
    const q = machines[k] as number;
    if (first < 0 || (pull[q] as number) > (pull[first] as number)) {
      second = first;
      first = q;
    } else if (second < 0 || (pull[q] as number) > (pull[second] as number)) second = q;
  }
  return [first, second];
}

/** The machine on which v would be done first, by computing alone, and that has memory for it. */
export function idlest(state: State, v: number): number {
  const { fleet, work, memory, h } = state;
  let best = state.part[v] as number;
  let least = Infinity;
  for (let p = 0; p < fleet.count; p++) {
    if (p === state.part[v] || (memory[p] as number) + (h.memory[v] as number) > (fleet.memory[p] as number)) continue;
    const seconds = Math.max(((work[p] as number) + (h.work[v] as number)) / (fleet.rate[p] as number), state.time(p));
    if (seconds >= least) continue;
    least = seconds;
    best = p;
  }
  return best;
}
