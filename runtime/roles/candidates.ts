/** Who may have which shard of a run, after what has gone wrong with whom. */
import type { Limits } from './limits.ts';
import { standsOut } from './quarrels.ts';
import { heldFor } from './sharing.ts';
import type { Fault, RunState } from './synchronizer-state.ts';
import type { Work } from './work.ts';

/** How unwillingly a shard is given to a key: 0 where nothing is against it. Others come first, if there are any. */
export type Reluctance = (key: string, shard: number) => number;

/** A dispute without proof counts against both, and more against the accused; a fault of the shard, more. */
const ACCUSER = 1;
const ACCUSED = 2;
const FAILED_IT = 10;
const FAILS_OFTEN = 100;
const QUARRELS = 100;
/** The code of a trainer that has no memory to do a drawn stretch again; others come first for so long. */
export const UNPROVEN = 'record/later';
export const UNPROVEN_MS = 7 * 86_400_000;

export function reluctanceOf(work: Work, run: RunState): Reluctance {
  const faults = recent(run.faults, work).filter((f) => !f.beside);
  const disputes = recent(run.disputes, work);
  return (key, shard) => {
    // No key checks its own work.
    if (run.checkingFrom !== undefined && run.trained[shard]?.includes(key)) return Number.POSITIVE_INFINITY;
    const own = faults.filter((f) => f.key === key);
    return (
      (own.length >= work.state.limits.keyFaults ? FAILS_OFTEN : 0) +
      (run.faults.some((f) => f.key === key && f.code === UNPROVEN && work.now - f.at < UNPROVEN_MS)
        ? FAILS_OFTEN
        : 0) +
      (standsOut(run.disputes, key, work.now) ? QUARRELS : 0) +
      FAILED_IT * own.filter((f) => f.shard === shard).length +
      ACCUSER * disputes.filter((d) => d.accuser === key).length +
      ACCUSED * disputes.filter((d) => d.accused === key).length
    );
  };
}

/** Left out in any case. */
export function isBarred(work: Work, run: RunState, key: string): boolean {
  if (run.excluded.includes(key) || isFull(work, run, key)) return true;
  const { limits } = work.state;
  // While the checks are computed again, no key may do it on its own work: the placement sees to that.
  const others = run.trained.flat().some((k) => k !== key);
  const since = faultsSince(run, limits, work.now).filter((f) => f.key === key);
  const newest = since.at(-1);
  return others && newest !== undefined && since.length >= limits.shardFaults && work.now - newest.at < limits.barred;
}

/** It had no room beside other runs, one of which is still there. */
export function isFull({ state }: Work, run: RunState, key: string): boolean {
  const told = run.faults.filter((f) => f.key === key && f.beside !== undefined);
  if (told.length === 0) return false;
  const { runs } = heldFor(state, key, run.deployment.run);
  return told.some((f) => f.beside?.some((other) => runs.includes(other)));
}

/** Faults without a new manifest behind them. */
export function faultsSince(run: RunState, limits: Limits, now: number): Fault[] {
  const calls = run.manifests.at(-1)?.calls ?? 0;
  return run.faults.filter((f) => !f.beside && f.calls === calls && now - f.at < limits.forget);
}

function recent<T extends { readonly at: number }>(all: readonly T[], { state, now }: Work): T[] {
  return all.filter((one) => now - one.at < state.limits.forget);
}
