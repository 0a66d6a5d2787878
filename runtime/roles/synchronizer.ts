/**
 * The synchronizer as a pure state machine: who is there, which trainer owns which shard in which term, which
 * snapshot is complete. It reads no clock and touches no network; events carry the time, effects say what to do.
 *
 * A shard has one owner in a term. A trainer that is silent for `LAPSE` has lost what it owned: the run gets a new
 * term, owners of which are durable before they are told, and every shard returns to the last complete manifest.
 */
import type { Deployment } from '../wire/deployment.ts';
import type { Message } from '../wire/messages.ts';
import { endsEpoch } from './calls.ts';
import { withoutManifest } from './damaged-manifest.ts';
import { HEARTBEAT, heard, LAPSE, patienceWith } from './liveness.ts';
import { acceptPart } from './manifest.ts';
import { place } from './place.ts';
import {
  absentMember,
  type MemberState,
  type Phase,
  type RunState,
  runFrom,
  type Step,
  type StoredRun,
  type SynchronizerEffect,
  type SynchronizerEvent,
  type SynchronizerState,
  storedOf,
} from './synchronizer-state.ts';

/** Milliseconds: how often the synchronizer looks. */
export const TICK = 250;
/** Shards that do not come to a common end in this time stop at the last manifest. */
const HALT_AT_MOST = 10_000;
const ACTIVE: readonly Phase[] = ['waiting', 'preparing', 'running', 'halting'];

export function emptySynchronizer(now: number): SynchronizerState {
  return { now, tickAt: now, members: {}, runs: {}, closing: false };
}

/** After a restart: what was running goes on with its owners, who have one lease to come back. */
export function restoredSynchronizer(stored: readonly StoredRun[], now: number): Step {
  const work = new Work({ ...emptySynchronizer(now) }, now);
  for (const saved of stored) {
    const run = runFrom(saved, now);
    const halting = run.phase === 'halting' ? { ...run, phase: 'stopped' as const } : run;
    work.setRun(
      halting.phase === 'suspended'
        ? { ...halting, phase: 'waiting', owners: [], reason: 'no trainer is there' }
        : halting,
    );
    if (!isActive(run)) continue;
    for (const key of new Set(run.owners))
      if (!work.state.members[key]) work.setMember(absentMember(key, run.instances[key] ?? '', now));
  }
  return work.step();
}

export function synchronizer(state: SynchronizerState, event: SynchronizerEvent, now: number): Step {
  const work = new Work({ ...state, now }, now);
  switch (event.kind) {
    case 'tick':
      tick(work);
      break;
    case 'message':
      message(work, event.from, event.message);
      break;
    case 'disconnected': {
      const member = work.state.members[event.key];
      if (member) work.setMember({ ...member, connected: false });
      break;
    }
    case 'alive': {
      const member = work.state.members[event.key];
      if (member?.instance === event.instance) work.setMember({ ...heard(member, now), pulses: member.pulses + 1 });
      break;
    }
    case 'deploy':
      deploy(work, event.deployment, event.hash);
      break;
    case 'stop':
      halt(work, event.run, 'stopped');
      break;
    case 'drain':
      for (const member of members(work))
        if (member.name === event.name || member.key === event.name) drain(work, member.key);
      break;
    case 'expelled': {
      const member = work.state.members[event.key];
      if (member) gone(work, member, event.reason);
      break;
    }
    case 'manifest-damaged':
      dropManifest(work, event.run, event.calls);
      break;
    case 'close':
      work.state = { ...work.state, closing: true };
      for (const run of runs(work)) if (isActive(run)) halt(work, run.deployment.run, 'suspended');
      break;
  }
  return work.step();
}

export function isActive(run: StoredRun): boolean {
  return ACTIVE.includes(run.phase);
}

/** The state on its way from one event to its effects. */
class Work {
  state: SynchronizerState;
  readonly now: number;
  readonly effects: SynchronizerEffect[] = [];

  constructor(state: SynchronizerState, now: number) {
    this.state = state;
    this.now = now;
  }

  setMember(member: MemberState): void {
    this.state = { ...this.state, members: { ...this.state.members, [member.key]: member } };
  }

  removeMember(key: string): void {
    const { [key]: _gone, ...members } = this.state.members;
    this.state = { ...this.state, members };
  }

  setRun(run: RunState): RunState {
    this.state = { ...this.state, runs: { ...this.state.runs, [run.deployment.run]: run } };
    return run;
  }

  /** A change that has to be durable before anyone hears of it. */
  saveRun(run: RunState): RunState {
    this.effects.push({ kind: 'persist', run: run.deployment.run, value: storedOf(run) });
    return this.setRun(run);
  }

  send(to: string, message: Message): void {
    this.effects.push({ kind: 'send', to, message });
  }

  /** To every owner of the run who is there. */
  tell(run: RunState, message: Message): void {
    for (const key of new Set(run.owners)) this.send(key, message);
  }

  log(run: string, event: Readonly<Record<string, unknown>>): void {
    this.effects.push({ kind: 'log', run, event: { ...event, time: this.now } });
  }

  step(): Step {
    return { state: this.state, effects: this.effects };
  }
}

function runs(work: Work): RunState[] {
  return Object.values(work.state.runs);
}

function members(work: Work): MemberState[] {
  return Object.values(work.state.members);
}

function tick(work: Work): void {
  // Where we ourselves were held up, what others said meanwhile lies unread: nobody was silent for that time.
  const away = Math.max(0, work.now - work.state.tickAt - 2 * TICK);
  work.state = { ...work.state, tickAt: work.now };
  if (away > 0) for (const member of members(work)) work.setMember({ ...member, seen: member.seen + away });
  for (const member of members(work))
    if (work.now - member.seen > patienceWith(member)) gone(work, member, 'it was silent for too long');
  for (const run of runs(work)) {
    if (run.phase === 'waiting') reassign(work, run, '');
    if (run.phase === 'halting' && work.now - run.haltSince > HALT_AT_MOST) halted(work, run);
  }
}

function gone(work: Work, member: MemberState, why: string): void {
  work.removeMember(member.key);
  for (const run of runs(work)) {
    if (!isActive(run) || !run.owners.includes(member.key)) continue;
    work.log(run.deployment.run, { event: 'lost', trainer: member.name, key: member.key, why });
    if (run.phase === 'halting') halted(work, run);
    else reassign(work, run, `${member.name || member.key.slice(0, 8)} is gone`);
  }
}

function message(work: Work, from: string, received: Message): void {
  const member = work.state.members[from];
  if (received.type === 'member') {
    joined(work, from, received);
    return;
  }
  if (!member || member.name === '') {
    // It was silent for too long, or has met the synchronizer before us: it has to say again what it is.
    work.effects.push({ kind: 'reconnect', key: from });
    return;
  }
  const heardOf = { ...heard(member, work.now), connected: true };
  work.setMember(heardOf);
  switch (received.type) {
    case 'heartbeat':
      work.setMember({ ...heardOf, refused: received.refused });
      for (const report of received.shards) {
        const run = owned(work, from, report.run, report.term, report.shard);
        if (run) work.setRun({ ...run, reports: { ...run.reports, [report.shard]: report } });
      }
      break;
    case 'ready': {
      const { exchange } = received;
      const run = owned(work, from, received.run, received.term, exchange.shard);
      if (run && exchange.key === from)
        ready(work, { ...run, exchanges: { ...run.exchanges, [exchange.shard]: exchange } }, from);
      break;
    }
    case 'part': {
      const run = owned(work, from, received.run, received.term, received.shard);
      if (run) part(work, run, received);
      break;
    }
    case 'pausing': {
      const run = owned(work, from, received.run, received.term, received.shard);
      if (run?.phase === 'halting')
        pausing(work, { ...run, pausing: { ...run.pausing, [received.shard]: received.calls } });
      break;
    }
    case 'commit': {
      const run = owned(work, from, received.run, received.term, received.shard);
      if (run) commit(work, received, from);
      break;
    }
    case 'failed': {
      const run = owned(work, from, received.run, received.term, received.shard);
      if (run) end(work, run, 'failed', `shard ${received.shard}: ${received.reason}`, received.code);
      break;
    }
    case 'leave':
      drain(work, from);
      break;
    default:
      break; // not for a synchronizer
  }
}

/** Kept for audits, apart from what people read. */
function commit(work: Work, { run, term, shard, states }: Message & { type: 'commit' }, key: string): void {
  work.effects.push({ kind: 'keep', stream: `commit/${run}`, value: { term, shard, states, key } });
}

/** The run, if the sender owns that shard in that term and the run is active. Everything else is of another time. */
function owned(work: Work, from: string, id: string, term: number, shard: number): RunState | undefined {
  const run = work.state.runs[id];
  return run && isActive(run) && run.term === term && run.owners[shard] === from ? run : undefined;
}

function joined(work: Work, key: string, received: Message & { type: 'member' }): void {
  const before = work.state.members[key];
  const { name, instance, pid, capability } = received;
  work.setMember({
    key,
    name,
    instance,
    capability,
    connected: true,
    seen: work.now,
    gap: 0,
    pulses: before?.instance === instance ? before.pulses : 0,
    draining: false,
    refused: 0,
    ...(pid === undefined ? {} : { pid }),
  });
  work.send(key, { type: 'admitted', name, heartbeat: HEARTBEAT, lapse: LAPSE });
  for (const run of runs(work)) {
    const owner = isActive(run) && run.owners.includes(key);
    // What it may still hold is in other hands, or over.
    if (!owner) work.send(key, { type: 'release', run: run.deployment.run, term: run.term });
    if (!isActive(run)) continue;
    const lost = owner && before?.instance !== instance;
    if (lost && run.phase === 'halting') halted(work, run);
    else if (lost) reassign(work, run, `${name} has begun anew`);
    else if (owner) work.send(key, assignment(run, key));
    else if (run.phase === 'waiting') reassign(work, run, '');
  }
}

function deploy(work: Work, deployment: Deployment, hash: string): void {
  // The same record again is the same run.
  if (work.state.runs[deployment.run]) return;
  const stored: StoredRun = {
    deployment,
    hash,
    phase: 'waiting',
    term: 0,
    owners: [],
    instances: {},
    manifests: [],
    rows: [],
    checks: [],
    reason: '',
    created: work.now,
  };
  reassign(work, work.saveRun(runFrom(stored, work.now)), '');
}

function dropManifest(work: Work, id: string, calls: number): void {
  const run = work.state.runs[id];
  const dropped = run && withoutManifest(run, calls);
  if (!dropped) return;
  const saved = work.saveRun(dropped.again ? { ...dropped.run, phase: 'waiting' } : dropped.run);
  work.log(id, dropped.event);
  if (dropped.again) reassign(work, saved, dropped.reason);
}

/** A new term of the run, with owners who are there. */
function reassign(work: Work, run: RunState, why: string): void {
  if (work.state.closing) return;
  const id = run.deployment.run;
  const there = members(work).filter((m) => m.connected && m.name !== '' && !m.draining);
  const candidates = there.map((m) => ({ key: m.key, capability: m.capability, load: loadOf(work, m.key, id) }));
  const { owners, problem } = place(run.deployment.needs, candidates, run.owners);
  if (problem !== undefined) {
    if (run.phase === 'waiting' && run.reason === problem) return;
    const waiting = work.saveRun({
      ...run,
      ...NOTHING_YET,
      phase: 'waiting',
      term: run.term + 1,
      owners: [],
      reason: problem,
    });
    work.log(id, { event: 'waiting', reason: problem });
    release(work, run.owners, waiting);
    return;
  }
  const instances = Object.fromEntries(there.filter((m) => owners.includes(m.key)).map((m) => [m.key, m.instance]));
  const next = work.saveRun({
    ...run,
    ...NOTHING_YET,
    phase: 'preparing',
    term: run.term + 1,
    owners,
    instances,
    reason: why,
  });
  work.log(id, {
    event: 'epoch-of-owners',
    epoch: next.term,
    owners: owners.map((key) => work.state.members[key]?.name ?? key),
    why,
  });
  release(
    work,
    run.owners.filter((key) => !owners.includes(key)),
    next,
  );
  for (const key of new Set(owners)) work.send(key, assignment(next, key));
}

const NOTHING_YET = { exchanges: {}, parts: {}, reports: {}, pausing: {} };

function loadOf(work: Work, key: string, except: string): number {
  return runs(work)
    .filter((run) => isActive(run) && run.deployment.run !== except)
    .reduce(
      (sum, run) =>
        sum + run.owners.reduce((s, o, i) => s + (o === key ? (run.deployment.needs[i]?.flops ?? 0) : 0), 0),
      0,
    );
}

function assignment(run: RunState, key: string): Message {
  const manifest = run.manifests.at(-1);
  const shards = run.owners.flatMap((owner, shard) => {
    if (owner !== key) return [];
    const blob = manifest?.parts[shard];
    // The sums of the epoch so far are kept once, with shard 0.
    const within = manifest && !endsEpoch(run.deployment, manifest.calls);
    const totals = within && shard === 0 ? manifest.totals : {};
    return [{ shard, ...(manifest && blob ? { restore: { calls: manifest.calls, blob, totals } } : {}) }];
  });
  return { type: 'assign', run: run.deployment.run, term: run.term, deployment: run.hash, shards };
}

function release(work: Work, keys: readonly string[], run: RunState): void {
  for (const key of new Set(keys)) work.send(key, { type: 'release', run: run.deployment.run, term: run.term });
}

function ready(work: Work, run: RunState, from: string): void {
  const { deployment, term } = run;
  const all = Object.keys(run.exchanges).length === deployment.shards;
  const next = work.setRun(run);
  if (!all) return;
  const calls = run.manifests.at(-1)?.calls ?? 0;
  const peers: Message = { type: 'peers', run: deployment.run, term, peers: Object.values(run.exchanges) };
  const start: Message = { type: 'start', run: deployment.run, term, calls };
  work.tell(next, peers);
  if (run.phase !== 'preparing') {
    // Back after a break of its connection: it may have missed the word.
    if (run.phase === 'running') work.send(from, start);
    return;
  }
  const running = work.saveRun({ ...next, phase: 'running', reason: '', clock: work.now });
  if (run.manifests.length === 0) work.log(deployment.run, { event: 'start', epoch: term });
  work.log(deployment.run, { event: 'running', epoch: term, calls });
  work.tell(running, start);
}

function part(work: Work, run: RunState, received: Message & { type: 'part' }): void {
  const accepted = acceptPart(run, received, work.now);
  if (!accepted.manifest) {
    work.setRun(accepted.run);
    return;
  }
  const { deployment, term } = run;
  const saved = work.saveRun(accepted.run);
  for (const event of accepted.events) work.log(deployment.run, event);
  work.tell(saved, { type: 'manifest', run: deployment.run, term, calls: received.calls });
  if (saved.phase === 'done') release(work, saved.owners, saved);
  else if (saved.phase === 'halting' && received.calls >= target(saved)) halted(work, saved);
  else if (saved.phase === 'running') rebalance(work, saved);
}

/** Nothing is lost right behind a manifest: an idle trainer takes shards from one who has several. */
function rebalance(work: Work, run: RunState): void {
  const owners = new Set(run.owners);
  const leaving = members(work).some((m) => m.draining && owners.has(m.key));
  const idle = members(work).some((m) => m.connected && m.name !== '' && !m.draining && !owners.has(m.key));
  const crowded = run.owners.length > owners.size;
  if (!leaving && !(idle && crowded)) return;
  const there = members(work).filter((m) => m.connected && m.name !== '' && !m.draining);
  const candidates = there.map((m) => ({
    key: m.key,
    capability: m.capability,
    load: loadOf(work, m.key, run.deployment.run),
  }));
  const fresh = place(run.deployment.needs, candidates);
  if (fresh.problem !== undefined) return;
  if (!leaving && new Set(fresh.owners).size <= owners.size) return;
  reassign(work, { ...run, owners: run.owners.map((o, i) => (o === fresh.owners[i] ? o : '')) }, 'shards spread anew');
  for (const member of members(work)) if (member.draining) dismissIfFree(work, member.key);
}

function drain(work: Work, key: string): void {
  const member = work.state.members[key];
  if (!member) return;
  work.setMember({ ...member, draining: true });
  dismissIfFree(work, key);
}

/** Of a trainer that wants to go: at once where it owns nothing, else behind the next manifest. */
function dismissIfFree(work: Work, key: string): void {
  if (runs(work).some((run) => isActive(run) && run.owners.includes(key))) return;
  work.send(key, { type: 'dismissed', reason: 'its shards are in other hands' });
  work.effects.push({ kind: 'dismiss', key });
  work.removeMember(key);
}

function halt(work: Work, id: string, into: 'stopped' | 'suspended'): void {
  const run = work.state.runs[id];
  if (!run || !isActive(run)) return;
  const halting = work.setRun({ ...run, phase: 'halting', haltInto: into, haltSince: work.now, pausing: {} });
  if (run.phase !== 'running') halted(work, halting);
  else work.tell(halting, { type: 'pause', run: id, term: run.term });
}

function target(run: RunState): number {
  const all = Object.values(run.pausing);
  return all.length === run.deployment.shards ? Math.max(...all) : Number.POSITIVE_INFINITY;
}

function pausing(work: Work, run: RunState): void {
  const next = work.setRun(run);
  const calls = target(next);
  if (!Number.isFinite(calls)) return;
  if ((next.manifests.at(-1)?.calls ?? 0) >= calls) halted(work, next);
  else work.tell(next, { type: 'halt', run: run.deployment.run, term: run.term, calls });
}

function halted(work: Work, run: RunState): void {
  if (run.haltInto === 'stopped') {
    end(work, run, 'stopped', 'stopped by an operator');
    return;
  }
  const saved = work.saveRun({ ...run, phase: 'suspended', reason: 'the mesh was stopped' });
  work.log(run.deployment.run, { event: 'suspended', calls: run.manifests.at(-1)?.calls ?? 0 });
  release(work, run.owners, saved);
}

function end(work: Work, run: RunState, phase: 'stopped' | 'failed', reason: string, code?: string): void {
  const saved = work.saveRun({ ...run, phase, reason });
  work.log(
    run.deployment.run,
    phase === 'failed' ? { event: 'error', code: code ?? 'run/failed', message: reason } : { event: 'interrupted' },
  );
  release(work, run.owners, saved);
}
