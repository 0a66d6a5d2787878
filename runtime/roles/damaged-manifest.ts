/** A manifest whose parts cannot be had, or are not what their names say: the run goes on from the one before it. */
import type { RunEvent } from '../../spec/run-events.ts';
import { callsPerEpoch } from '../training/calls.ts';
import type { ManifestState, RunState } from './synchronizer-state.ts';

export interface Dropped {
  readonly run: RunState;
  /** For the log of the run. */
  readonly event: RunEvent;
  /** In words. */
  readonly reason: string;
  /** Its shards have to be given out again: who computes on has what was lost. */
  readonly again: boolean;
}

/** @returns nothing where the run has no manifest of that call */
export function withoutManifest(run: RunState, calls: number): Dropped | undefined {
  const manifests = run.manifests.filter((m) => m.calls !== calls);
  if (manifests.length === run.manifests.length) return undefined;
  const from = manifests.at(-1)?.calls ?? 0;
  const newest = run.manifests.at(-1)?.calls === calls;
  const rest = newest ? `the run goes on from ${from > 0 ? `call ${from}` : 'its beginning'}` : 'a newer one is there';
  const reason = `the snapshot of call ${calls} is damaged: ${rest}`;
  return {
    run: newest ? backTo(run, manifests) : { ...run, manifests },
    event: { event: 'manifest-damaged', calls, from, message: reason },
    reason,
    again: newest && ['waiting', 'preparing', 'checking', 'done'].includes(run.phase),
  };
}

/** Forgets what it says of later epochs, which has to be found out again. */
export function backTo(run: RunState, manifests: readonly ManifestState[]): RunState {
  const epochs = Math.floor((manifests.at(-1)?.calls ?? 0) / Math.max(1, callsPerEpoch(run.deployment)));
  const rows = run.phase === 'running' ? run.rows : run.rows.filter((row) => row.epoch <= epochs);
  const checks = rows.length === run.rows.length ? run.checks : [];
  // Where its checks were computed again, they are of what was lost.
  const { checkingFrom: _from, checked: _checked, ...training } = run;
  const { manifestAt: _, ...older } = training;
  return { ...(manifests.length > 0 ? training : older), manifests, rows, checks };
}
