/** What the synchronizer makes of what its trainers see of each other: how often each of them is audited. */
import { auditRateOf } from '../validation/audit-rate.ts';
import {
  type MovedWeights,
  NO_WATCH,
  type SealedStretch,
  type Standing,
  UNKNOWN,
  withStretch,
  withVerdict,
  withWeights,
} from '../validation/standing.ts';
import type { Verdict } from '../wire/audit-verdict.ts';
import type { Audit } from './audit-state.ts';
import type { RunState, SynchronizerState } from './synchronizer-state.ts';
import type { Work } from './work.ts';

/** A shard has sealed a stretch. @param owners of its term, by shard */
export function watchStretch(work: Work, run: RunState, sealed: SealedStretch, owners: readonly string[]): void {
  const before = work.state.runs[run.deployment.run] ?? run;
  work.setRun({ ...before, watch: withStretch(before.watch ?? NO_WATCH, sealed, owners) });
}

/** A part of a snapshot was sound: its weights have moved so far. */
export function watchWeights(work: Work, run: RunState, moved: MovedWeights): RunState {
  return work.setRun({ ...run, watch: withWeights(run.watch ?? NO_WATCH, moved, run.owners) });
}

/** A stretch was done again, and this came of it. */
export function watchVerdict(work: Work, run: RunState, audit: Audit, verdict: Verdict): void {
  const { trainer, term, from } = audit;
  const before = work.state.runs[run.deployment.run] ?? run;
  work.setRun({ ...before, watch: withVerdict(before.watch ?? NO_WATCH, { trainer, term, from }, verdict) });
}

/** Of a key in all runs: it is as suspicious as in the one in which it is most so. */
export function standingOf({ runs }: Pick<SynchronizerState, 'runs'>, key: string): Standing {
  const all = Object.values(runs).flatMap(({ watch }) => watch?.keys[key] ?? []);
  const looked = all.reduce((sum, one) => sum + one.looked, 0);
  const worst = all.reduce((most, one) => (one.suspicion > most.suspicion ? one : most), UNKNOWN);
  return { ...worst, looked };
}

/** Which share of its stretches is done again. */
export function rateFor(state: Pick<SynchronizerState, 'runs' | 'limits'>, key: string): number {
  const { auditRate, newKeyRate } = state.limits;
  return auditRateOf(standingOf(state, key), auditRate, newKeyRate);
}
