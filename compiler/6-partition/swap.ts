/** Exchanges: two vertices where no single move helps, and the whole contents of two machines. */
import { NOTHING } from './descend.ts';
import type { Rng } from './rng.ts';
import type { State } from './state.ts';

/**
 * Takes each vertex of the machines with anything over (of the slowest, if none has) and looks for one elsewhere whose
 * exchange with it lowers the cost.
 *
 * @param looks partners tried for each vertex
 * @returns whether any were exchanged
 */
export function swapOffWorst(state: State, rng: Rng, looks: number): boolean {
  const { h, part } = state;
  const worst = slowest(state);
  let any = false;
  for (let v = 0; v < h.count; v++) {
    const own = part[v] as number;
    if (h.fixed[v] !== -1 || (own !== worst && !state.isOver(own))) continue;
    const all = looks >= h.count;
    for (let k = 0; k < Math.min(looks, h.count); k++) {
      const u = all ? k : rng.below(h.count);
      if (h.fixed[u] !== -1 || part[u] === part[v] || !exchange(state, v, u)) continue;
      any = true;
      break;
    }
  }
  return any;
}

/** Exchanges v and u if that lowers the cost. */
export function exchange(state: State, v: number, u: number): boolean {
  const a = state.part[v] as number;
  const b = state.part[u] as number;
  const first = state.delta(v, b);
  state.move(v, b);
  const second = state.delta(u, a);
  if (first + second < -NOTHING) {
    state.move(u, a);
    return true;
  }
  state.move(v, a);
  return false;
}

export function slowest(state: State): number {
  let worst = 0;
  for (let p = 1; p < state.fleet.count; p++) if (state.time(p) > state.time(worst)) worst = p;
  return worst;
}

/** @returns which machine each machine's contents should go to, the identity when no exchange helps */
export function bestRelabelling(state: State): Int32Array | undefined {
  const { fleet, h, part, work, memory, sent, received } = state;
  const K = fleet.count;
  const bound = new Uint8Array(K);
  for (let v = 0; v < h.count; v++) if (h.fixed[v] !== -1) bound[part[v] as number] = 1;
  const at = Int32Array.from({ length: K }, (_, p) => p);
  let any = false;
  /** Seconds of the contents of machine c, were they on machine p; memory that does not fit is worst of all. */
  const time = (c: number, p: number): number =>
    (memory[c] as number) > (fleet.memory[p] as number)
      ? 1e30 * ((memory[c] as number) - (fleet.memory[p] as number))
      : Math.max(
          (work[c] as number) / (fleet.rate[p] as number),
          (sent[c] as number) / (fleet.upload[p] as number),
          (received[c] as number) / (fleet.download[p] as number),
        );
  for (let round = 0; round < 4; round++) {
    let changed = false;
    for (let c = 0; c < K; c++)
      for (let d = c + 1; d < K; d++) {
        if (bound[c] === 1 || bound[d] === 1) continue;
        const [p, q] = [at[c] as number, at[d] as number];
        const now = Math.max(time(c, p), time(d, q));
        const then = Math.max(time(c, q), time(d, p));
        if (!(then < now * (1 - 1e-9))) continue;
        at[c] = q;
        at[d] = p;
        changed = true;
        any = true;
      }
    if (!changed) break;
  }
  return any ? at : undefined;
}
