/**
 * The trainer as a pure state machine: which shards it has, how far each has come, what each does next. Devices,
 * sockets and files are effects; their outcomes come back as events. The same code runs for real and simulated.
 */

import { allCalls, callAt, endOfBatch, endsEpoch, isCut, trainingsEnd } from '../training/calls.ts';
import type { Away } from '../wire/away.ts';
import type { Deployment } from '../wire/deployment.ts';
import type { Assign, Commit, Message, Pledge, Sealed, ShardReport } from '../wire/messages.ts';
import { newestCommit, sealsTogether, takeCommits } from './commitments.ts';
import { look } from './looking.ts';
import { reportOf } from './shard-report.ts';
import {
  type Grievance,
  type HostedShard,
  type Measured,
  type Outcome,
  type ShardId,
  shardName,
  type TrainerEffect,
  type TrainerEvent,
  type TrainerState,
  type TrainerStep,
} from './trainer-state.ts';

/** On a new connection they are said anew, or the next ones are as good. */
const SAID_AGAIN: ReadonlySet<Message['type']> = new Set(['heartbeat', 'ready', 'dispute', 'leave']);
/**
 * A shard that waits for so long while nothing comes asks whether something was lost: its neighbours then send all again
 * that it has not said to have, which a slow uplink that carries it already would carry a second time.
 */
const RESUME_MS = 2000;

export function trainer(state: TrainerState, event: TrainerEvent): TrainerStep {
  const step = happen(state, event);
  return step.state.connected ? step : goneIfFree(keepUnsent(step));
}

/** Without a mesh no other trainer can take over, and without shards there is nothing to hand over. */
function goneIfFree({ state, effects }: TrainerStep): TrainerStep {
  if (!state.leaving || Object.keys(state.shards).length > 0) return { state, effects };
  return { state, effects: [...effects, { kind: 'leave', reason: 'the mesh is away, and it held no shards' }] };
}

/** Messages that must arrive wait for the next connection; reports of the moment do not. */
function keepUnsent({ state, effects }: TrainerStep): TrainerStep {
  const said = effects.flatMap((e) => (e.kind === 'send' ? [e.message] : []));
  const kept = said.filter(({ type }) => !SAID_AGAIN.has(type));
  return {
    state: kept.length === 0 ? state : { ...state, unsent: [...state.unsent, ...kept] },
    effects: said.length === 0 ? effects : effects.filter((e) => e.kind !== 'send'),
  };
}

function happen(state: TrainerState, event: TrainerEvent): TrainerStep {
  switch (event.kind) {
    case 'connected':
      return connected(state, event.measured);
    case 'disconnected':
      // It goes on computing within its term; what it sends waits in its channels.
      return { state: { ...state, connected: false }, effects: [] };
    case 'message':
      return message(state, event.message);
    case 'tick':
      return report(state, event.measured);
    case 'look':
      return look(state, event.measured);
    case 'leaving':
      return { state: { ...state, leaving: true }, effects: [say({ type: 'leave' })] };
    case 'bound':
      return bound(state, event.message);
    case 'saved': {
      const step = onShard(state, event);
      return step.effects.some(isPart) ? stored(afterReport(step, event.measured), event.at) : step;
    }
    default:
      return onShard(state, event);
  }
}

/** Stretches may be over hundreds of times a second: their seals wait for the next heartbeat. */
function bound(state: TrainerState, message: Pledge | Sealed): TrainerStep {
  if (!state.audits) return { state, effects: [] };
  if (message.type === 'pledge') return { state, effects: [say(message)] };
  // Where the shard has gone to others its trainer may go as well: there may be no next heartbeat.
  if (state.shards[shardName(message)]?.term !== message.term) return { state, effects: [say(message)] };
  return { state: { ...state, seals: [...(state.seals ?? []), message] }, effects: [] };
}

/** A loading shard offers a key when it is done; all others need a fresh one for the new connection. */
function connected(state: TrainerState, measured: Measured): TrainerStep {
  const effects = Object.values(state.shards).flatMap((shard): TrainerEffect[] => [
    ...(shard.part ? [...newestCommit(shard), shard.part].map(say) : []),
    ...(shard.deployment && shard.phase !== 'failed' ? [{ kind: 'offer' as const, at: idOf(shard) }] : []),
    // It must arrive, and whether it did is not known: in the next term it is ignored.
    ...(shard.dispute ? [accuse(idOf(shard), shard.dispute)] : []),
  ]);
  const now: TrainerState = { ...state, connected: true, unsent: [] };
  const again = state.leaving ? [say({ type: 'leave' })] : [];
  const step: TrainerStep = { state: now, effects: [...effects, ...state.unsent.map(say), ...again] };
  return effects.some(isPart) ? afterReport(step, measured) : step;
}

/** A part says where its shard is: what was committed, and how it got there, is known before it. */
function afterReport({ state, effects }: TrainerStep, measured: Measured): TrainerStep {
  const reported = report(state, measured);
  return { state: reported.state, effects: [...reported.effects, ...effects] };
}

/** What it has signed since is sent with the next report. */
function stored({ state, effects }: TrainerStep, at: ShardId): TrainerStep {
  const { [shardName(at)]: shard, ...others } = state.shards;
  if (!shard) return { state, effects };
  const { storing: _stored, ...rest } = shard;
  return { state: { ...state, shards: { ...others, [shardName(at)]: rest } }, effects };
}

/** How far every loaded shard is, and what it has signed. */
function report(state: TrainerState, { now, shards: measures, refused }: Measured): TrainerStep {
  const shards: Record<string, HostedShard> = { ...state.shards };
  const reports: ShardReport[] = [];
  const effects: TrainerEffect[] = [];
  for (const [name, shard] of Object.entries(state.shards)) {
    const measure = measures[name];
    if (!measure) continue;
    const { report, meter } = reportOf(shard, measure, now);
    reports.push(report);
    if (shard.phase === 'waiting' && now - meter.since > RESUME_MS) effects.push({ kind: 'resume', at: idOf(shard) });
    const taken = takeCommits({ ...shard, meter });
    shards[name] = taken.shard;
    effects.push(...taken.messages.map(say));
  }
  const { seals = [], ...rest } = state;
  effects.push(...sealsTogether(seals).map(say));
  return { state: { ...rest, shards }, effects: [...effects, say({ type: 'heartbeat', shards: reports, refused })] };
}

function say(message: Message): TrainerEffect {
  return { kind: 'send', message };
}

function isPart(effect: TrainerEffect): boolean {
  return effect.kind === 'send' && effect.message.type === 'part';
}

function message(state: TrainerState, received: Message): TrainerStep {
  switch (received.type) {
    case 'admitted':
      return { state: { ...state, audits: received.audits ?? false }, effects: [] };
    case 'assign':
      return assign(state, received);
    case 'release':
      return drop(state, (s) => s.run === received.run && s.term <= received.term);
    case 'dismissed':
      return { state, effects: [{ kind: 'leave', reason: received.reason }] };
    case 'away':
      return ofTerm(state, received, (s) => away(s, received));
    case 'peers':
      return ofTerm(state, received, (s) => ({
        shard: s,
        effects: [{ kind: 'peers', at: idOf(s), peers: received.peers }],
      }));
    case 'start':
      return ofTerm(state, received, (s) =>
        s.phase === 'ready' && mayStart(s, received.calls)
          ? proceed({ ...s, ...(received.calls > s.calls ? { target: received.calls } : {}) })
          : { shard: s, effects: [] },
      );
    case 'pause':
      return ofTerm(state, received, pause);
    case 'halt':
      return ofTerm(state, received, (s) => haltAt(s, received.calls));
    case 'manifest':
      return ofTerm(state, received, (s) => {
        const forget: TrainerEffect = { kind: 'forget', at: idOf(s), before: received.calls };
        const shard = withoutPart(s, received.calls);
        if (!shard.atEnd || received.calls < shard.calls) return { shard, effects: [forget] };
        const { atEnd: _ended, ...going } = shard;
        const step = proceed(going);
        return { shard: step.shard, effects: [forget, ...step.effects] };
      });
    default:
      return { state, effects: [] };
  }
}

function assign(state: TrainerState, received: Assign): TrainerStep {
  const current = Object.values(state.shards).find((s) => s.run === received.run);
  if (current && current.term > received.term) return { state, effects: [] };
  // The same word twice, after a break of the connection: the shards go on.
  if (current?.term === received.term) return { state, effects: [] };
  const wanted = new Set(received.shards.map((s) => s.shard));
  const dropped = drop(state, (s) => s.run === received.run && !wanted.has(s.shard));
  const shards: Record<string, HostedShard> = { ...dropped.state.shards };
  const effects: TrainerEffect[] = [...dropped.effects];
  for (const { shard, restore, goesOn } of received.shards) {
    const at = { run: received.run, term: received.term, shard };
    const here = goesOn ? state.shards[shardName(at)] : undefined;
    if (here && isUnderWay(here)) {
      const step = goOn(here, received.term);
      shards[shardName(at)] = step.shard;
      effects.push(...step.effects);
      continue;
    }
    const calls = restore?.calls ?? 0;
    const stopAt = Number.POSITIVE_INFINITY;
    const waits = { calls, begun: calls, news: false, advancing: false, stopAt, reason: '', commits: [] };
    const meter = state.shards[shardName(at)]?.meter;
    shards[shardName(at)] = { ...at, opened: at.term, phase: 'loading', ...waits, ...(meter ? { meter } : {}) };
    effects.push({ kind: 'open', at, deployment: received.deployment, ...(restore ? { restore } : {}) });
  }
  return { state: { ...dropped.state, shards }, effects };
}

function drop(state: TrainerState, which: (shard: HostedShard) => boolean): TrainerStep {
  const gone = Object.values(state.shards).filter(which);
  const kept = Object.fromEntries(Object.entries(state.shards).filter(([, s]) => !which(s)));
  return { state: { ...state, shards: kept }, effects: gone.map((s) => ({ kind: 'close', at: idOf(s) })) };
}

interface ShardStep {
  readonly shard: HostedShard;
  readonly effects: readonly TrainerEffect[];
}

function ofTerm(
  state: TrainerState,
  { run, term }: { readonly run: string; readonly term: number },
  change: (shard: HostedShard) => ShardStep,
): TrainerStep {
  const effects: TrainerEffect[] = [];
  const shards = { ...state.shards };
  for (const [name, shard] of Object.entries(state.shards)) {
    if (shard.run !== run || shard.term !== term) continue;
    const step = change(shard);
    shards[name] = step.shard;
    effects.push(...step.effects);
  }
  return { state: { ...state, shards }, effects };
}

type ShardEvent = Exclude<Extract<TrainerEvent, { readonly at: ShardId }>, { readonly kind: 'bound' }>;

/** Events of another term come from work that was given up. */
function onShard(state: TrainerState, event: ShardEvent): TrainerStep {
  const name = shardName(event.at);
  const shard = state.shards[name];
  if (!shard || !isOfShard(shard, event.at.term) || shard.phase === 'failed') return { state, effects: [] };
  const step = change(shard, event);
  return { state: { ...state, shards: { ...state.shards, [name]: step.shard } }, effects: step.effects };
}

function change(shard: HostedShard, event: ShardEvent): ShardStep {
  const at = idOf(shard);
  switch (event.kind) {
    case 'opened': {
      if (shard.phase !== 'loading') return { shard, effects: [] };
      const { deployment, calls } = event;
      const opened: HostedShard = { ...shard, phase: 'ready', deployment, calls, begun: calls };
      return { shard: opened, effects: [{ kind: 'offer', at }] };
    }
    case 'offered': {
      const { run, term } = at;
      const ready: Message = { type: 'ready', run, term, exchange: event.exchange };
      return { shard: { ...shard, exchange: event.exchange }, effects: [say(ready)] };
    }
    case 'news':
      if (shard.advancing || shard.atEnd) return { shard: { ...shard, news: true }, effects: [] };
      return shard.phase === 'waiting' ? advance(shard) : { shard: { ...shard, news: true }, effects: [] };
    case 'advanced':
      if (!shard.advancing) return { shard, effects: [] };
      if (shard.back !== undefined) return rewound({ ...shard, advancing: false });
      if (event.outcome === 'behind') return skip({ ...shard, advancing: false, target: event.to ?? shard.calls });
      return advanced(withCommits({ ...shard, advancing: false }, event.commits), event.outcome);
    case 'kept': {
      // A dispute does not undo what was being saved.
      if (shard.phase !== 'saving' && !shard.dispute) return { shard, effects: [] };
      const kept = { ...withCommits(shard, event.commits), storing: event.calls };
      return kept.back === undefined ? proceed(kept) : rewound(kept);
    }
    case 'saved':
      return shard.storing === event.calls ? saved(shard, event) : { shard, effects: [] };
    case 'disputed':
      if (shard.dispute) return { shard, effects: [] };
      return {
        shard: held({ ...shard, dispute: event.dispute }),
        effects: [accuse(at, event.dispute)],
      };
    case 'failed': {
      const { code, reason } = event;
      const failed: Message = { type: 'failed', ...at, code: code.slice(0, 100), reason: reason.slice(0, 1000) };
      return {
        shard: { ...shard, phase: 'failed', reason },
        effects: [say(failed), { kind: 'close', at }],
      };
    }
  }
}

function accuse(at: ShardId, dispute: Grievance): TrainerEffect {
  return say({ type: 'dispute', ...at, ...dispute });
}

function held(shard: HostedShard): HostedShard {
  return { ...shard, phase: 'waiting', reason: `disputes with shard ${shard.dispute?.peer}` };
}

function advance(shard: HostedShard): ShardStep {
  if (shard.dispute) return { shard: held(shard), effects: [] };
  const running: HostedShard = { ...shard, phase: 'running', news: false, advancing: true, reason: '' };
  return { shard: running, effects: [{ kind: 'advance', at: idOf(shard) }] };
}

function withCommits(shard: HostedShard, commits: Commit['states'] = []): HostedShard {
  return commits.length === 0 ? shard : { ...shard, commits: [...shard.commits, ...commits] };
}

function advanced(shard: HostedShard, outcome: Outcome): ShardStep {
  switch (outcome) {
    case 'send':
      return advance(shard);
    case 'needs':
      return shard.news || shard.dispute
        ? advance(shard)
        : { shard: { ...shard, phase: 'waiting', reason: 'waits for a neighbour' }, effects: [] };
    case 'done':
      return callDone({ ...shard, calls: shard.calls + 1 });
    case 'idle':
    case 'behind':
      return { shard, effects: [] };
  }
}

function callDone(shard: HostedShard): ShardStep {
  const { deployment, calls, stopAt } = shard;
  if (!deployment) return { shard, effects: [] };
  if (isCut(deployment, calls) || calls === stopAt) {
    const save: TrainerEffect = { kind: 'save', at: idOf(shard), calls, last: endsEpoch(deployment, calls) };
    return { shard: { ...shard, phase: 'saving' }, effects: [save] };
  }
  return proceed(shard);
}

/** The part is in the mesh; the shard has gone on meanwhile. */
function saved(shard: HostedShard, { calls, part }: Extract<ShardEvent, { kind: 'saved' }>): ShardStep {
  // It is signed for the term in which it was taken, into whichever the shard has gone on since.
  const message: Message = { type: 'part', ...idOf(shard), calls, ...part };
  return { shard: { ...shard, part: message }, effects: [...newestCommit(shard), message].map(say) };
}

function withoutPart({ part, ...shard }: HostedShard, saved: number): HostedShard {
  return part?.type === 'part' && part.calls > saved ? { ...shard, part } : shard;
}

function proceed(shard: HostedShard): ShardStep {
  const { deployment, calls, stopAt } = shard;
  if (shard.dispute) return { shard: held(shard), effects: [] };
  if (!deployment) return { shard, effects: [] };
  if (calls >= allCalls(deployment)) return { shard: { ...shard, phase: 'finished' }, effects: [] };
  if (calls >= stopAt) return { shard: { ...shard, phase: 'paused', reason: 'asked to stop' }, effects: [] };
  if ((shard.target ?? 0) > calls) return skip(shard);
  if (isFree(deployment) && endsEpoch(deployment, calls) && shard.part?.type === 'part' && shard.part.calls >= calls)
    return { shard: atEnd(shard), effects: [] };
  if (isFree(deployment) && endsEpoch(deployment, calls) && shard.storing === calls)
    return { shard: atEnd(shard), effects: [] };
  const until = Math.max(shard.begun, reachOf(deployment, calls, stopAt));
  const numbers = Array.from({ length: until - shard.begun }, (_, i) => shard.begun + i);
  const begins = numbers.map((callIndex): TrainerEffect => {
    return { kind: 'begin', at: idOf(shard), callIndex, call: callAt(deployment, callIndex) };
  });
  const step = advance({ ...shard, begun: until });
  return { shard: step.shard, effects: [...begins, ...step.effects] };
}

/** Its neighbours have made calls without it: it makes none of those, and saves as it is at each cut among them. */
function skip(shard: HostedShard): ShardStep {
  const { deployment, calls } = shard;
  if (!deployment) return { shard, effects: [] };
  const target = Math.min(shard.target ?? calls, trainingsEnd(deployment, calls + 1));
  let next = calls + 1;
  while (next < target && !isCut(deployment, next)) next++;
  if (target <= calls) next = calls;
  const skipped: HostedShard = { ...shard, calls: next, begun: next, target };
  const given: TrainerEffect = { kind: 'skip', at: idOf(shard), calls: next };
  const step = next > calls && isCut(deployment, next) ? callDone(skipped) : proceed(skipped);
  return { shard: step.shard, effects: [given, ...step.effects] };
}

/** Of another term is what it was asked before it went on into this one. */
function isOfShard({ term, opened = term }: HostedShard, asked: number): boolean {
  return asked >= opened && asked <= term;
}

function isUnderWay({ phase, deployment }: HostedShard): boolean {
  return deployment !== undefined && phase !== 'failed' && phase !== 'loading' && phase !== 'ready';
}

/** Others have come or gone. Checks need all shards: they begin anew, where the epoch has not ended on all. */
function goOn(shard: HostedShard, term: number): ShardStep {
  const at = { ...idOf(shard), term };
  // What it has signed is of the term before.
  const { dispute: _settled, newest: _signed, ...rest } = shard;
  const going: HostedShard = { ...rest, term, commits: [] };
  const effects: TrainerEffect[] = [
    { kind: 'go-on', at },
    { kind: 'offer', at },
  ];
  const back = checksBegin(shard);
  if (back === undefined) return { shard: going, effects };
  const asked = { ...going, back };
  if (shard.advancing || shard.phase === 'saving') return { shard: asked, effects };
  const step = rewound(asked);
  return { shard: step.shard, effects: [...effects, ...step.effects] };
}

/** Behind which call the checks began that are under way, or have ended on this shard alone. */
function checksBegin({ deployment, calls, phase, atEnd }: HostedShard): number | undefined {
  if (!deployment || calls === 0) return undefined;
  const behind = endsEpoch(deployment, calls);
  // Else it is in the next epoch already.
  if (behind && !atEnd && phase !== 'finished' && phase !== 'saving') return undefined;
  const back = trainingsEnd(deployment, calls);
  return calls < back || (behind && back === calls) ? undefined : back;
}

function rewound({ back = 0, atEnd: _ended, target: _behind, ...shard }: HostedShard): ShardStep {
  const step = proceed({ ...shard, calls: back, begun: back, phase: 'running' });
  return { shard: step.shard, effects: [{ kind: 'rewind', at: idOf(shard), calls: back }, ...step.effects] };
}

/** The next epoch begins on all shards together: those that are behind need what the others had before. */
function atEnd(shard: HostedShard): HostedShard {
  return { ...shard, phase: 'waiting', atEnd: true, reason: 'waits until all shards have ended the epoch' };
}

function away(shard: HostedShard, { shards, lost }: Away): ShardStep {
  const told: TrainerEffect = { kind: 'away', at: idOf(shard), shards, lost };
  if (shard.phase !== 'waiting' || shard.advancing || shard.atEnd)
    return { shard: { ...shard, news: true }, effects: [told] };
  const step = advance(shard);
  return { shard: step.shard, effects: [told, ...step.effects] };
}

function mayStart({ calls, deployment }: HostedShard, told: number): boolean {
  return told === calls || (deployment !== undefined && isFree(deployment) && told > calls);
}

function isFree({ schedule }: Deployment): boolean {
  return schedule === 'async';
}

/** Behind the calls that may be under way: the next one, and a batch that may begin ahead of it. */
function reachOf(deployment: Deployment, calls: number, stopAt: number): number {
  const behind = calls + 1;
  const ends = behind >= Math.min(stopAt, allCalls(deployment));
  const batches = !ends && [calls, behind].every((n) => callAt(deployment, n).kind === 'train');
  return batches && deployment.ahead === 1 ? behind + 1 : behind;
}

/** Says where it can stop: at the end of the batch under way, so that no sequence is cut in two. */
function pause(shard: HostedShard): ShardStep {
  const { deployment } = shard;
  if (!deployment) return { shard, effects: [] };
  const under = ['running', 'waiting'].includes(shard.phase) ? 1 : 0;
  const calls = endOfBatch(deployment, Math.min(shard.calls + under, allCalls(deployment)));
  const pausing: Message = { type: 'pausing', ...idOf(shard), calls };
  return { shard: { ...shard, stopAt: calls }, effects: [say(pausing)] };
}

function haltAt(shard: HostedShard, calls: number): ShardStep {
  const going: HostedShard = { ...shard, stopAt: calls };
  // Where it stopped it has saved already.
  return shard.phase === 'paused' && shard.calls < calls ? proceed(going) : { shard: going, effects: [] };
}

function idOf({ run, term, shard }: ShardId): ShardId {
  return { run, term, shard };
}
