/** How many of a trainer's stretches are done again. Pure. */
import { AUDIT_RATE_FLOOR } from '../audit/draw.ts';
import type { Standing } from './standing.ts';

/**
 * Of a key of which nothing was done again; each stretch that was takes a quarter off it, down to the rate of all:
 * thirteen audits in all. Who has little to lose is looked at nearly always: where each audit halved the rate, or the first was a
 * quarter, lying with ever new keys paid more than work (`npm run attacks -- --only sleeper --only key-each`).
 */
export const NEW_KEY_RATE = 1;
const KNOWN_BETTER = 0.75;
/** Of a key that is as suspicious as can be: a neighbour that lies about it costs the mesh no more than that. */
export const SUSPECT_RATE = 0.5;

/**
 * Of a key that has so many stretches in a row pending in a run, which no audit has confirmed: one that is found to be wrong
 * costs it these, and its own pay. A lie saves less than its pay, so that it loses where the rate is more than that over
 * `1 + bare`. Without it the first stretches of a run were free to a key that was known from others: it had nothing to
 * lose there (`npm run attacks -- --only new-run`). It is below the rate of all behind forty.
 */
function rateAtStake(bare: number): number {
  return 1 / (1.2 + bare);
}

/**
 * No history of a trainer makes it less than the rate of all, nor that less than the floor.
 * @param rate of all trainers
 * @param newKeys of keys of which nothing was done again, and at most of one that has little to lose
 */
export function auditRateOf(
  { looked, suspicion, bare }: Pick<Standing, 'looked' | 'suspicion' | 'bare'>,
  rate: number,
  newKeys = NEW_KEY_RATE,
): number {
  const least = Math.max(rate, AUDIT_RATE_FLOOR);
  const fresh = newKeys * KNOWN_BETTER ** looked;
  const suspect = suspicion > 0 ? least + (SUSPECT_RATE - least) * suspicion : least;
  const risky = bare === undefined ? 0 : Math.min(newKeys, rateAtStake(bare));
  return Math.min(1, Math.max(least, fresh, suspect, risky));
}
