/**
 * The synchronizer as a pure state machine: who is there, which trainer owns which shard in which term, which
 * snapshot is complete. It reads no clock and touches no network; events carry the time, effects say what to do.
 *
 * A shard has one owner in a term. A trainer that is silent for `LAPSE_MS` has lost what it owned: the run gets a new
 * term, owners of which are durable before they are told, and every shard returns to the last complete manifest.
 */
import type { Deployment } from '../wire/deployment.ts';
import type { Message } from '../wire/messages.ts';
import { restoredAudits } from './audit-state.ts';
import { pledged, sealed, secretDrawn, watchAudits } from './auditing.ts';
import { askProbes, borderMeasured } from './border-probes.ts';
import { checked, firstCheck, unchecked } from './checking.ts';
import { withoutManifest } from './damaged-manifest.ts';
import { goesOn } from './empty-shards.ts';
import { halt, halted, isHaltedTooLong, pausing } from './ending.ts';
import { dispute, fault } from './faults.ts';
import { LIMITS, type Limits } from './limits.ts';
import { heard, patienceWith } from './liveness.ts';
import { drain, drainNamed, gone, joined } from './membership.ts';
import { beginsBehind, dismissIfFree, reassign } from './ownership.ts';
import { commit, part, unsigned, verified } from './parts.ts';
import { forgiven, started, watchProgress, withReport } from './progress.ts';
import { overtaken, placeWaiting } from './queue.ts';
import { arrived } from './succession.ts';
import {
  absentMember,
  type MemberState,
  type Received,
  type Refusal,
  type RunState,
  runFrom,
  type Step,
  type StoredRun,
  type SynchronizerEvent,
  type SynchronizerState,
  UNTROUBLED,
} from './synchronizer-state.ts';
import { audited } from './verdicts.ts';
import { isActive, ledRuns, members, owned, Work } from './work.ts';

export { isActive, isOver } from './work.ts';

/** Milliseconds: how often the synchronizer looks. */
export const TICK_MS = 250;

export function emptySynchronizer(now: number, limits: Limits = LIMITS): SynchronizerState {
  return { now, tickAt: now, members: {}, runs: {}, closing: false, limits };
}

/** After a restart: what was running goes on with its owners, who have one lease to come back. */
export function restoredSynchronizer(stored: readonly StoredRun[], now: number, limits: Limits = LIMITS): Step {
  const work = new Work(emptySynchronizer(now, limits), now);
  for (const saved of stored) takeOver(work, saved);
  return work.step();
}

/** Its owners have one lease to come back. */
function takeOver(work: Work, saved: StoredRun): void {
  const run = work.setRun(withAudits(restored(runFrom(saved, work.now)), work.now));
  // A leader that died may have been given something for a term that it has not stored.
  if (work.state.allotted) work.allot(run);
  firstCheck(work, run);
  if (!isActive(run)) return;
  for (const key of new Set(run.owners))
    if (!work.state.members[key]) work.setMember(absentMember(key, run.instances[key] ?? '', work.now));
}

/** From another leader: its owners say again what that one alone has heard. */
function lead(work: Work, saved: StoredRun): void {
  takeOver(work, saved);
  const run = work.state.runs[saved.deployment.run];
  if (!run || !isActive(run)) return;
  for (const key of new Set(run.owners))
    if (work.state.members[key]?.name) work.effects.push({ kind: 'reconnect', key });
}

/** Another one leads it, from here on or as before. */
function follow(work: Work, saved: StoredRun): void {
  work.setRun({ ...runFrom(saved, work.now), foreign: true });
  // It may have held the last of what kept a trainer here that wants to go.
  for (const member of members(work)) if (member.draining) dismissIfFree(work, member.key);
}

/** Draws from here on are by what was voted. */
function govern(work: Work, { auditRate }: SynchronizerEvent & { kind: 'governed' }): void {
  work.state = { ...work.state, limits: { ...work.state.limits, auditRate } };
}

function expel(work: Work, { key, reason }: SynchronizerEvent & { kind: 'expelled' }): Refusal | undefined {
  const member = work.state.members[key];
  if (!member) return 'not-a-member';
  gone(work, member, reason);
  return undefined;
}

function absent(work: Work, run: string): void {
  const { [run]: _gone, ...runs } = work.state.runs;
  work.state = { ...work.state, runs };
}

/** It is placed again, by what others have been given meanwhile. */
function outbid(work: Work, { term, before }: SynchronizerEvent & { kind: 'outbid' }): Refusal | undefined {
  const run = work.state.runs[before.deployment.run];
  if (!run || run.foreign) return 'unknown-run';
  if (run.term !== term) return 'another-term';
  // Stopped meanwhile, or lost.
  if (run.phase !== 'preparing' && !goesOn(run)) return 'not-active';
  // Numbers of terms are not used twice, though this one was not announced.
  reassign(work, work.setRun({ ...runFrom(before, work.now), term }), 'its trainers were given to another run');
  return undefined;
}

/** Those of the leader before it go on. */
function withAudits(run: RunState, now: number): RunState {
  return run.audits ? { ...run, audits: restoredAudits(run.audits, now) } : run;
}

function restored(run: RunState): RunState {
  if (run.phase === 'halting') return { ...run, phase: 'stopped' };
  const { checkingFrom, ...rest } = run;
  // Checks begin again; the weights are there.
  if (checkingFrom !== undefined && (isActive(run) || run.phase === 'suspended')) return { ...rest, phase: 'checking' };
  return run.phase === 'suspended' ? { ...run, phase: 'waiting', owners: [], reason: 'there is no trainer' } : run;
}

/** @param table of members of the state, where the caller never reads that state again: it saves a copy for each event */
export function synchronizer(
  state: SynchronizerState,
  event: SynchronizerEvent,
  now: number,
  table?: SynchronizerState['members'],
): Step {
  const work = new Work({ ...state, now }, now, table);
  work.refused = happen(work, event);
  return work.step();
}

function happen(work: Work, event: SynchronizerEvent): Refusal | undefined {
  switch (event.kind) {
    case 'tick':
      tick(work, event.full ?? false);
      return undefined;
    case 'message':
      return message(work, event);
    case 'disconnected': {
      const member = work.state.members[event.key];
      if (member) work.setMember({ ...member, connected: false });
      return undefined;
    }
    case 'alive': {
      const member = work.state.members[event.key];
      if (member?.instance !== event.instance) return 'not-a-member';
      work.setMember({ ...heard(member, work.now), pulses: member.pulses + 1 });
      return undefined;
    }
    case 'signs':
      for (const sign of event.signs) happen(work, sign);
      return undefined;
    case 'measured': {
      const member = work.state.members[event.key];
      if (!member) return 'not-a-member';
      work.setMember({ ...member, measured: { ...event.link, at: work.now } });
      return undefined;
    }
    case 'deploy':
      return deploy(work, event.deployment, event.hash);
    case 'stop':
      halt(work, event.run, 'stopped');
      return undefined;
    case 'verified':
      return verified(work, event);
    case 'checked':
      return checked(work, event);
    case 'pledged':
      return secretDrawn(work, event);
    case 'audited':
      return audited(work, event);
    case 'drain':
      drainNamed(work, event.name);
      return undefined;
    case 'expelled':
      return expel(work, event);
    case 'manifest-damaged':
      return dropManifest(work, event.run, event.calls);
    case 'leads':
      lead(work, event.run);
      return undefined;
    case 'follows':
      follow(work, event.run);
      return undefined;
    case 'allotted':
      work.state = { ...work.state, allotted: { version: event.version, lines: event.lines } };
      return undefined;
    case 'outbid':
      return outbid(work, event);
    case 'absent':
      absent(work, event.run);
      return undefined;
    case 'overtaken':
      return overtaken(work, event.run);
    case 'governed':
      govern(work, event);
      return undefined;
    case 'presides':
      work.state = { ...work.state, presides: event.presides };
      return undefined;
    case 'close':
      work.state = { ...work.state, closing: true };
      for (const run of ledRuns(work)) halt(work, run.deployment.run, 'suspended');
      return undefined;
  }
}

function tick(work: Work, full: boolean): void {
  // Where we ourselves were held up, messages of others are still unread: none counts as silent or late for that time.
  const passed = work.now - work.state.tickAt;
  const away = Math.max(0, passed - 2 * TICK_MS);
  work.state = { ...work.state, tickAt: work.now };
  if (away > 0) for (const member of members(work)) work.setMember({ ...member, seen: member.seen + away });
  if (away > 0 || full) forgive(work, full ? passed : away);
  for (const member of members(work))
    if (work.now - member.seen > patienceWith(member)) gone(work, member, 'it was silent for too long');
  for (const run of ledRuns(work)) look(work, run);
  placeWaiting(work);
  askProbes(work);
  watchAudits(work);
}

function forgive(work: Work, away: number): void {
  for (const run of ledRuns(work)) if (isActive(run)) work.setRun({ ...run, progress: forgiven(run.progress, away) });
}

function look(work: Work, run: RunState): void {
  switch (run.phase) {
    case 'waiting':
      if (run.checkingFrom !== undefined && !work.state.closing) unchecked(work, run, run.reason);
      return;
    case 'halting':
      if (isHaltedTooLong(run, work.now)) halted(work, run);
      return;
    default:
      watchProgress(work, run);
  }
}

function message(work: Work, event: Received): Refusal | undefined {
  const { from, message: received, proof, evidence, taken } = event;
  if (received.type === 'member') {
    joined(work, from, received, event);
    return undefined;
  }
  const member = work.state.members[from];
  if (!member || member.name === '') {
    // It was silent for too long, or has met the synchronizer before us: it has to say again what it is.
    work.effects.push({ kind: 'reconnect', key: from });
    return 'not-a-member';
  }
  const known = { ...heard(member, work.now), connected: true };
  work.setMember(known);
  switch (received.type) {
    case 'heartbeat':
      heartbeat(work, known, received);
      return undefined;
    case 'measured':
      return borderMeasured(work, from, received, taken);
    case 'leave':
      drain(work, from);
      return undefined;
    case 'ready': {
      const { run: id, term, exchange } = received;
      const run = owned(work, from, { run: id, term, shard: exchange.shard });
      return typeof run === 'string' ? run : ready(work, run, received, from, proof !== 'false');
    }
    case 'sealed':
      return proof === 'false' ? 'a-fault' : sealed(work, received, from);
    case 'pledge': {
      const { run: id, term, shard } = received;
      const run = shard === undefined ? 'not-asked' : owned(work, from, { run: id, term, shard });
      return typeof run === 'string' ? run : pledged(work, run, received);
    }
    case 'part':
    case 'pausing':
    case 'commit':
    case 'failed':
    case 'dispute': {
      const run = owned(work, from, received);
      if (typeof run === 'string') return run;
      return ofShard(work, run, received, { from, proof: proof ?? 'undecided', evidence: evidence ?? '' });
    }
    default:
      return 'not-asked'; // not for a synchronizer
  }
}

type OfShard = Extract<Message, { readonly type: 'part' | 'pausing' | 'commit' | 'failed' | 'dispute' }>;
type Said = Required<Pick<Received, 'from' | 'proof' | 'evidence'>>;

/** The sender owns the shard. */
function ofShard(work: Work, run: RunState, received: OfShard, { from, proof, evidence }: Said): Refusal | undefined {
  switch (received.type) {
    case 'part':
      return part(work, run, received, from);
    case 'pausing':
      return pausing(work, run, received);
    case 'commit':
      return proof === 'false' ? unsigned(work, run, received, from) : commit(work, run, received, from);
    case 'failed': {
      const { shard, code, reason } = received;
      fault(work, run, [{ key: from, shard, code, reason }]);
      return undefined;
    }
    case 'dispute':
      return dispute(work, run, received, proof, evidence);
  }
}

function heartbeat(work: Work, member: MemberState, { shards, refused }: Message & { type: 'heartbeat' }): void {
  work.setMember({ ...member, refused });
  for (const report of shards) {
    const run = owned(work, member.key, report);
    if (typeof run !== 'string') work.setRun(withReport(run, report, work.now));
  }
}

function deploy(work: Work, deployment: Deployment, hash: string): Refusal | undefined {
  // The same record again is the same run.
  if (work.state.runs[deployment.run]) return 'known-already';
  const nothing = { owners: [], instances: {}, manifests: [], rows: [], checks: [], reason: '', ...UNTROUBLED };
  const stored: StoredRun = { deployment, hash, phase: 'waiting', term: 0, ...nothing, created: work.now };
  work.saveRun(runFrom(stored, work.now));
  placeWaiting(work);
  return undefined;
}

function dropManifest(work: Work, id: string, calls: number): Refusal | undefined {
  const run = work.state.runs[id];
  // Its leader finds it, too; of one that has ended the leader of the mesh makes itself that.
  const dropped = run && !run.foreign && withoutManifest(run, calls);
  if (!dropped) return 'unknown-run';
  const saved = work.saveRun(dropped.again ? { ...dropped.run, phase: 'waiting' } : dropped.run);
  work.log(id, dropped.event);
  if (dropped.again) reassign(work, saved, dropped.reason);
  return undefined;
}

/** A shard is loaded. @param holds its owner's signature under its key for borders */
function ready(
  work: Work,
  run: RunState,
  { exchange }: Message & { type: 'ready' },
  from: string,
  holds: boolean,
): Refusal | undefined {
  const { deployment, term } = run;
  if (!holds || exchange.key !== from) {
    // The others are not told: to them it would only look invalid.
    const reason = 'it has not signed its key for the borders';
    fault(work, run, [{ key: from, shard: exchange.shard, code: 'border/key', reason }]);
    return 'a-fault';
  }
  const next = work.setRun({ ...run, exchanges: { ...run.exchanges, [exchange.shard]: exchange } });
  if (run.phase === 'running' && run.since) {
    arrived(work, next, exchange.shard, from);
    return undefined;
  }
  if (Object.keys(next.exchanges).length < deployment.shards) return undefined;
  const calls = beginsBehind(next);
  const peers: Message = { type: 'peers', run: deployment.run, term, peers: Object.values(next.exchanges) };
  const start: Message = { type: 'start', run: deployment.run, term, calls };
  work.tell(next, peers);
  if (run.phase !== 'preparing') {
    // Back after a break of its connection: it may have missed the word.
    if (run.phase === 'running') work.send(from, start);
    return undefined;
  }
  const running = work.saveRun({
    ...next,
    phase: 'running',
    reason: '',
    clock: work.now,
    progress: started(next, work.now),
  });
  if (run.manifests.length === 0) work.log(deployment.run, { event: 'start', epoch: term });
  work.log(deployment.run, { event: 'running', epoch: term, calls });
  work.tell(running, start);
  return undefined;
}
