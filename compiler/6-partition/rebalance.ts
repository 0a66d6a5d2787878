/**
 * An assignment carried over to changed machines: pieces move only where the time of a tick falls by enough, and no more
 * of them than that takes. Moving costs a transfer of state and a pause; a gain of a percent is not worth it (Petals'
 * servers wait for a gain in the same way: Borzunov et al. 2023, section 3.2).
 */
import { atomsOf } from './atoms.ts';
import { measureCosts } from './costs.ts';
import { descend } from './descend.ts';
import { fleetOf, leastCompute } from './fleet.ts';
import { partition } from './partition.ts';
import type { Costs, Impossible, PartitionOptions, Problem } from './problem.ts';
import { createRng } from './rng.ts';
import { State } from './state.ts';

export interface RebalanceOptions extends PartitionOptions {
  /** Share by which the bottleneck must fall before anything moves; default 0.1. */
  readonly leastGain?: number;
}

export type Rebalanced =
  | {
      readonly kind: 'parts';
      readonly part: Int32Array;
      readonly costs: Costs;
      /** Pieces that are on another machine than before; those without a machine before count. */
      readonly moved: Int32Array;
      /** Bytes of their memory. */
      readonly movedBytes: number;
      /** `kept`: moving was not worth it, or not needed. */
      readonly outcome: 'kept' | 'repaired' | 'improved' | 'anew';
    }
  | ({ readonly kind: 'impossible' } & Impossible);

/** How much worse than the best partition a repaired one may be before all is made anew. */
const NEAR = 1.1;

/**
 * @param old machine of each piece by its index in the *new* list; -1 for pieces whose machine is gone
 */
export function rebalance(problem: Problem, old: Int32Array, options: RebalanceOptions = {}): Rebalanced {
  const atoms = atomsOf(problem, options.useAll ?? false);
  if (atoms.kind === 'impossible') return atoms;
  const { h, into } = atoms;
  const fleet = fleetOf(problem.machines);
  const leastGain = options.leastGain ?? 0.1;
  const rng = createRng(options.seed ?? 0, 'rebalance');
  const finish = (part: Int32Array, outcome: 'kept' | 'repaired' | 'improved' | 'anew'): Rebalanced => {
    const moved = Int32Array.from(part.keys()).filter((v) => part[v] !== old[v]);
    let movedBytes = 0;
    for (const v of moved) movedBytes += problem.pieces.memory[v] as number;
    return { kind: 'parts', part, costs: measureCosts(problem, part), moved, movedBytes, outcome };
  };

  // Orphans, and pieces pinned elsewhere, go where they cost least; everything else stays.
  const { part: start, orphans } = adopted(h.fixed, into, old, h.count);
  const state = new State(h, fleet, start);
  const bound = leastCompute(h.work, fleet);
  state.setCap(bound);
  for (const atom of orphans) {
    if ((h.fixed[atom] as number) >= 0) continue;
    let best = start[atom] as number;
    let least = 0;
    for (let p = 0; p < fleet.count; p++) {
      const change = state.delta(atom, p);
      if (change >= least) continue;
      least = change;
      best = p;
    }
    state.move(atom, best);
  }
  const kept = state.part.slice();
  const whole = (part: Int32Array): Int32Array => into.map((atom) => part[atom] as number);
  const keptTime = state.bottleneck();
  const fits = state.overMemory() === 0;

  // From there downhill: only what helps moves. Then the bytes' small gains are taken back.
  descend(state, rng, 8, options.useAll ?? false);
  undoIdle(state, kept);
  const repairedTime = state.bottleneck();
  const repairedFits = state.overMemory() === 0;

  const fresh = partition(problem, options);
  if (fresh.kind === 'impossible') return repairedFits ? finish(whole(state.part), 'repaired') : fresh;
  const bestTime = fresh.costs.bottleneck;
  if (fits && bestTime > keptTime * (1 - leastGain) && repairedTime > keptTime * (1 - leastGain))
    return finish(whole(kept), orphans.length > 0 ? 'repaired' : 'kept');
  if (repairedFits && repairedTime <= bestTime * NEAR) return finish(whole(state.part), 'improved');
  return finish(fresh.part, 'anew');

  /** Puts back each vertex whose return leaves the bottleneck and the memory as they are. */
  function undoIdle(moved: typeof state, before: Int32Array): void {
    const limit = Math.max(moved.bottleneck(), bound) * (1 + 1e-9);
    const spill = moved.overMemory();
    for (let v = 0; v < h.count; v++) {
      const now = moved.part[v] as number;
      if (now === before[v]) continue;
      moved.move(v, before[v] as number);
      if (moved.bottleneck() > limit || moved.overMemory() > spill) moved.move(v, now);
    }
  }
}

/** Machines of the atoms: of the first of their pieces that has one; orphans start on machine 0. */
function adopted(
  fixed: Int32Array,
  into: Int32Array,
  old: Int32Array,
  count: number,
): { part: Int32Array; orphans: number[] } {
  const part = new Int32Array(count).fill(-1);
  for (let v = 0; v < into.length; v++) {
    const atom = into[v] as number;
    if (part[atom] === -1) part[atom] = old[v] as number;
  }
  const orphans: number[] = [];
  for (let atom = 0; atom < count; atom++) {
    const place = fixed[atom] as number;
    if (place >= 0) part[atom] = place;
    else if ((part[atom] as number) < 0) {
      orphans.push(atom);
      part[atom] = 0;
    }
  }
  return { part, orphans };
}
