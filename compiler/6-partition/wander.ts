/**
 * Threshold accepting (Dueck and Scheuer 1990) for small problems: random moves and exchanges, those that cost more
 * taken, too, as long as they cost less than a threshold that falls to nothing. Like annealing, without exponentials,
 * whose last bits differ between machines.
 */
import { NOTHING } from './descend.ts';
import type { Rng } from './rng.ts';
import type { State } from './state.ts';

const PHASES = 24;
/** Share of exchanges among the steps: one in so many. */
const EXCHANGES = 3;

/** Leaves the best assignment found in `state`. @param steps moves tried in all */
export function wander(state: State, rng: Rng, steps: number, keepAll: boolean): void {
  const { h, part, members, fleet } = state;
  const free: number[] = [];
  for (let v = 0; v < h.count; v++) if (h.fixed[v] === -1) free.push(v);
  if (free.length === 0 || fleet.count < 2) return;
  const best = part.slice();
  let now = state.cost();
  let least = now;
  const threshold = firstThreshold(state, rng, free);
  for (let phase = 0; phase < PHASES; phase++) {
    // Falls as a power, to zero in the last phase.
    const limit = threshold * (1 - phase / (PHASES - 1)) ** 3;
    for (let step = 0; step < steps / PHASES; step++) {
      const v = free[rng.below(free.length)] as number;
      const a = part[v] as number;
      if (rng.below(EXCHANGES) === 0) {
        const u = free[rng.below(free.length)] as number;
        const b = part[u] as number;
        if (a === b) continue;
        const first = state.delta(v, b);
        state.move(v, b);
        const change = first + state.delta(u, a);
        if (change > limit) {
          state.move(v, a);
          continue;
        }
        state.move(u, a);
        now += change;
      } else {
        if (keepAll && members[a] === 1) continue;
        const b = rng.below(fleet.count);
        if (a === b) continue;
        const change = state.delta(v, b);
        if (change > limit) continue;
        state.move(v, b);
        now += change;
      }
      if (now < least - NOTHING) {
        least = now;
        best.set(part);
      }
    }
    now = state.cost(); // sums of changes drift
  }
  for (let v = 0; v < h.count; v++) state.move(v, best[v] as number);
}

/** The mean size of a change by a random move. */
function firstThreshold(state: State, rng: Rng, free: readonly number[]): number {
  let sum = 0;
  const samples = 100;
  for (let i = 0; i < samples; i++)
    sum += Math.abs(state.delta(free[rng.below(free.length)] as number, rng.below(state.fleet.count)));
  return sum / samples;
}
