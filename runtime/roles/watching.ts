/** What the synchronizer makes of what its trainers see of each other: how often each of them is audited. */
import { endsEpoch, trainedInEpoch } from '../training/calls.ts';
import { energiesIn } from '../training/totals.ts';
import { auditRateOf } from '../validation/audit-rate.ts';
import { areBoundsOf, learntIn } from '../validation/sealed-bounds.ts';
import {
  bareBefore,
  type MovedSince,
  NO_WATCH,
  type SaidEnergy,
  type SealedStretch,
  type Standing,
  UNKNOWN,
  withDraw,
  withEnergy,
  withStretch,
  withVerdict,
  withWeights,
} from '../validation/standing.ts';
import type { Verdict } from '../wire/audit-verdict.ts';
import type { Part } from '../wire/messages.ts';
import type { Audit } from './audit-state.ts';
import type { RunState, SynchronizerState } from './synchronizer-state.ts';
import type { Work } from './work.ts';

/** Whether a shard was free to hold frames to no less than it says, by what it has sealed before. */
export function boundsFollow(
  { watch }: Pick<RunState, 'watch'>,
  { shard, term, from, held }: Pick<SealedStretch, 'shard' | 'term' | 'from' | 'held'>,
): boolean {
  return !held || areBoundsOf(learntIn(watch?.learnt, { shard, term, begins: held.begins }), from, held.borders);
}

/** A shard has sealed a stretch. @param owners of its term, by shard */
export function watchStretch(work: Work, run: RunState, sealed: SealedStretch, owners: readonly string[]): void {
  const before = work.state.runs[run.deployment.run] ?? run;
  work.setRun({ ...before, watch: withStretch(before.watch ?? NO_WATCH, sealed, owners) });
}

/**
 * A part of a snapshot was sound.
 * @param moved how far its weights have, since an earlier one; absent: there is none that is known
 */
export function watchPart(
  work: Work,
  run: RunState,
  { shard, calls, totals }: Pick<Part, 'shard' | 'calls' | 'totals'>,
  moved: MovedSince | undefined,
): RunState {
  const { term, owners } = run;
  const before = run.watch ?? NO_WATCH;
  const said = energyOf(run, shard, calls, totals);
  const told = said ? withEnergy(before, { shard, term, ...said }, owners) : before;
  return work.setRun({ ...run, watch: moved ? withWeights(told, { shard, term, calls, ...moved }, owners) : told });
}

/** Mean of the training calls since the newest manifest, or since the epoch began. */
function energyOf(
  { deployment, manifests }: RunState,
  shard: number,
  calls: number,
  totals: Part['totals'],
): Pick<SaidEnergy, 'since' | 'energy'> | undefined {
  const newest = manifests.at(-1);
  const begins = newest === undefined || endsEpoch(deployment, newest.calls);
  const before = begins ? {} : newest.byShard?.[shard]?.totals;
  const count = trainedInEpoch(deployment, calls) - (begins ? 0 : trainedInEpoch(deployment, newest.calls));
  if (!before || count <= 0) return undefined;
  const sum = (of: Part['totals']): number => energiesIn(of).reduce((all, { value }) => all + value, 0);
  return { since: newest?.calls ?? 0, energy: (sum(totals) - sum(before)) / count };
}

/** Of a stretch of a trainer it was drawn whether it is done again. */
export function watchDraw(
  work: Work,
  run: RunState,
  { trainer, from, to }: Pick<Audit, 'trainer' | 'from' | 'to'>,
  isDrawn: boolean,
): void {
  const before = work.state.runs[run.deployment.run] ?? run;
  work.setRun({ ...before, watch: withDraw(before.watch ?? NO_WATCH, trainer, { from, to }, isDrawn) });
}

/** A stretch was done again, and this came of it. */
export function watchVerdict(work: Work, run: RunState, audit: Audit, verdict: Verdict): void {
  const { trainer, term, from } = audit;
  const before = work.state.runs[run.deployment.run] ?? run;
  work.setRun({ ...before, watch: withVerdict(before.watch ?? NO_WATCH, { trainer, term, from }, verdict) });
}

/**
 * Of a key in all runs: it is as suspicious as in the one in which it is most so. What is under audit counts as a look:
 * it was drawn, whatever will be found, and a new key is not audited in all of its stretches until the first verdict.
 */
export function standingOf({ runs }: Pick<SynchronizerState, 'runs'>, key: string): Standing {
  const all = Object.values(runs).flatMap(({ watch }) => watch?.keys[key] ?? []);
  const open = Object.values(runs).flatMap(({ audits }) => audits?.open ?? []);
  const underAudit = open.filter(({ trainer }) => trainer === key).length;
  const looked = all.reduce((sum, one) => sum + one.looked, underAudit);
  const worst = all.reduce((most, one) => (one.suspicion > most.suspicion ? one : most), UNKNOWN);
  return { ...worst, looked };
}

/**
 * Which share of its stretches is done again. Only keys that an invite let in begin high, and are looked at more closely
 * where a run begins.
 * @param at the stretch that is to be drawn; absent: any
 */
export function rateFor(
  state: Pick<SynchronizerState, 'runs' | 'limits' | 'members'>,
  key: string,
  at?: { readonly run: string; readonly from: number },
): number {
  const { auditRate, newKeyRate } = state.limits;
  const isVouched = state.members[key]?.vouched === true;
  const { looked, suspicion } = standingOf(state, key);
  const bare = at && bareBefore(state.runs[at.run]?.watch?.keys[key] ?? UNKNOWN, at.from);
  const standing = { looked, suspicion, ...(bare === undefined ? {} : { bare }) };
  return auditRateOf(standing, auditRate, isVouched ? auditRate : newKeyRate);
}
