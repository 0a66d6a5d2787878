/**
 * The trainer as a pure state machine: which shards it has, how far each has come, what each does next. Devices,
 * sockets and files are effects; their outcomes come back as events. The same code runs for real and simulated.
 */

import { allCalls, type Call, callAt, endsEpoch, isCut } from '../training/calls.ts';
import type { Deployment } from '../wire/deployment.ts';
import type { Assign, Dispute, Exchange, Message, Part } from '../wire/messages.ts';

export interface ShardId {
  readonly run: string;
  readonly term: number;
  readonly shard: number;
}

export type ShardPhase =
  | 'loading'
  /** Loaded; waits for the word to start. */
  | 'ready'
  /** The device works, or could. */
  | 'running'
  /** Nothing goes on before a neighbour's frame is here. */
  | 'waiting'
  | 'saving'
  /** Stops at the end of a call until it is told where all stop. */
  | 'paused'
  | 'finished'
  | 'failed';

export interface HostedShard extends ShardId {
  readonly phase: ShardPhase;
  /** Set when it is loaded. */
  readonly deployment?: Deployment;
  /** Calls done. */
  readonly calls: number;
  /** Calls begun: more than one may be under way where a batch begins ahead of the one before it. */
  readonly begun: number;
  /** A frame came while the device worked. */
  readonly news: boolean;
  readonly advancing: boolean;
  /** Behind this call it stops. */
  readonly stopAt: number;
  readonly exchange?: Exchange;
  /** The newest one that is in no manifest yet: it may be lost with a connection. */
  readonly part?: Message;
  readonly reason: string;
  /** A border cannot go on: the shard neither works nor fails before a new term begins. */
  readonly dispute?: Grievance;
}

/** With whom, about what, and the proof of it. */
export type Grievance = Pick<Dispute, 'peer' | 'call' | 'what' | 'evidence'>;

/** Stored, and signed by this trainer. */
export type SavedPart = Pick<Part, 'blob' | 'hash' | 'totals' | 'signature'>;

export interface TrainerState {
  readonly connected: boolean;
  readonly shards: Readonly<Record<string, HostedShard>>;
}

export type TrainerEvent =
  | { readonly kind: 'connected' }
  | { readonly kind: 'disconnected' }
  | { readonly kind: 'message'; readonly message: Message }
  /** Device, data and state are there. @param calls of the state that it begins from */
  | { readonly kind: 'opened'; readonly at: ShardId; readonly deployment: Deployment; readonly calls: number }
  /** A fresh key for its borders. */
  | { readonly kind: 'offered'; readonly at: ShardId; readonly exchange: Exchange }
  | { readonly kind: 'advanced'; readonly at: ShardId; readonly outcome: 'send' | 'needs' | 'done' | 'idle' }
  /** A frame was delivered to the shard, or room was made for its own. */
  | { readonly kind: 'news'; readonly at: ShardId }
  | {
      readonly kind: 'saved';
      readonly at: ShardId;
      readonly calls: number;
      readonly part: SavedPart;
    }
  /** A neighbour has broken a rule of the border. */
  | { readonly kind: 'disputed'; readonly at: ShardId; readonly dispute: Grievance }
  | { readonly kind: 'failed'; readonly at: ShardId; readonly code: string; readonly reason: string };

export type TrainerEffect =
  | { readonly kind: 'send'; readonly message: Message }
  /** Load what the shard needs and fill its state; what is loaded already may stay. */
  | {
      readonly kind: 'open';
      readonly at: ShardId;
      readonly deployment: string;
      readonly restore?: Assign['shards'][number]['restore'];
    }
  /** Forget the shard. */
  | { readonly kind: 'close'; readonly at: ShardId }
  /** Make a fresh key for its borders. */
  | { readonly kind: 'offer'; readonly at: ShardId }
  /** New keys of the others. */
  | { readonly kind: 'peers'; readonly at: ShardId; readonly peers: readonly Exchange[] }
  /** Queue a call. @param number of the call */
  | { readonly kind: 'begin'; readonly at: ShardId; readonly number: number; readonly call: Call }
  | { readonly kind: 'advance'; readonly at: ShardId }
  /** The state after so many calls: kept, and sent. @param last sums of the epoch end here */
  | { readonly kind: 'save'; readonly at: ShardId; readonly calls: number; readonly last: boolean }
  /** Parts and windows before the last but one manifest are not needed any more. */
  | { readonly kind: 'forget'; readonly at: ShardId; readonly before: number }
  | { readonly kind: 'leave'; readonly reason: string };

export interface TrainerStep {
  readonly state: TrainerState;
  readonly effects: readonly TrainerEffect[];
}

export const EMPTY_TRAINER: TrainerState = { connected: false, shards: {} };

export function shardName({ run, shard }: Pick<ShardId, 'run' | 'shard'>): string {
  return `${run}/${shard}`;
}

export function trainer(state: TrainerState, event: TrainerEvent): TrainerStep {
  switch (event.kind) {
    case 'connected':
      // Whoever loads offers a key when it is done; all others need a fresh one for the new connection.
      return {
        state: { ...state, connected: true },
        effects: Object.values(state.shards).flatMap((shard): TrainerEffect[] => [
          ...(shard.part ? [{ kind: 'send' as const, message: shard.part }] : []),
          ...(shard.deployment && shard.phase !== 'failed' ? [{ kind: 'offer' as const, at: idOf(shard) }] : []),
          // It must arrive, and whether it did is not known: in the next term nobody listens to it any more.
          ...(shard.dispute ? [accuse(idOf(shard), shard.dispute)] : []),
        ]),
      };
    case 'disconnected':
      // It goes on computing within its term; what it sends waits in its channels.
      return { state: { ...state, connected: false }, effects: [] };
    case 'message':
      return message(state, event.message);
    default:
      return onShard(state, event);
  }
}

function message(state: TrainerState, received: Message): TrainerStep {
  switch (received.type) {
    case 'assign':
      return assign(state, received);
    case 'release':
      return drop(state, (s) => s.run === received.run && s.term <= received.term);
    case 'dismissed':
      return { state, effects: [{ kind: 'leave', reason: received.reason }] };
    case 'peers':
      return ofTerm(state, received, (s) => ({
        shard: s,
        effects: [{ kind: 'peers', at: idOf(s), peers: received.peers }],
      }));
    case 'start':
      return ofTerm(state, received, (s) =>
        s.phase === 'ready' && s.calls === received.calls ? proceed(s) : { shard: s, effects: [] },
      );
    case 'pause':
      return ofTerm(state, received, pause);
    case 'halt':
      return ofTerm(state, received, (s) => haltAt(s, received.calls));
    case 'manifest':
      return ofTerm(state, received, (s) => ({
        shard: withoutPart(s, received.calls),
        effects: [{ kind: 'forget', at: idOf(s), before: received.calls }],
      }));
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
  for (const { shard, restore } of received.shards) {
    const at = { run: received.run, term: received.term, shard };
    const calls = restore?.calls ?? 0;
    const stopAt = Number.POSITIVE_INFINITY;
    const waits = { calls, begun: calls, news: false, advancing: false, stopAt, reason: '' };
    shards[shardName(at)] = { ...at, phase: 'loading', ...waits };
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

type ShardEvent = Extract<TrainerEvent, { readonly at: ShardId }>;

/** Events of another term come from work that was given up. */
function onShard(state: TrainerState, event: ShardEvent): TrainerStep {
  const name = shardName(event.at);
  const shard = state.shards[name];
  if (!shard || shard.term !== event.at.term || shard.phase === 'failed') return { state, effects: [] };
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
      return { shard: { ...shard, exchange: event.exchange }, effects: [{ kind: 'send', message: ready }] };
    }
    case 'news':
      if (shard.advancing) return { shard: { ...shard, news: true }, effects: [] };
      return shard.phase === 'waiting' ? advance(shard) : { shard: { ...shard, news: true }, effects: [] };
    case 'advanced':
      return shard.advancing ? advanced({ ...shard, advancing: false }, event.outcome) : { shard, effects: [] };
    case 'saved':
      // A dispute does not undo what was being saved.
      return shard.phase === 'saving' || shard.dispute ? saved(shard, event) : { shard, effects: [] };
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
        effects: [
          { kind: 'send', message: failed },
          { kind: 'close', at },
        ],
      };
    }
  }
}

function accuse(at: ShardId, dispute: Grievance): TrainerEffect {
  return { kind: 'send', message: { type: 'dispute', ...at, ...dispute } };
}

function held(shard: HostedShard): HostedShard {
  return { ...shard, phase: 'waiting', reason: `disputes with shard ${shard.dispute?.peer}` };
}

function advance(shard: HostedShard): ShardStep {
  if (shard.dispute) return { shard: held(shard), effects: [] };
  const running: HostedShard = { ...shard, phase: 'running', news: false, advancing: true, reason: '' };
  return { shard: running, effects: [{ kind: 'advance', at: idOf(shard) }] };
}

function advanced(shard: HostedShard, outcome: 'send' | 'needs' | 'done' | 'idle'): ShardStep {
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

/** The part is kept; on to the next call, if there is one and nobody asked to stop. */
function saved(shard: HostedShard, { calls, part }: Extract<ShardEvent, { kind: 'saved' }>): ShardStep {
  const message: Message = { type: 'part', ...idOf(shard), calls, ...part };
  const send: TrainerEffect = { kind: 'send', message };
  const next = proceed({ ...shard, part: message });
  return { shard: next.shard, effects: [send, ...next.effects] };
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
  const until = Math.max(shard.begun, reachOf(deployment, calls, stopAt));
  const numbers = Array.from({ length: until - shard.begun }, (_, i) => shard.begun + i);
  const begins = numbers.map((number): TrainerEffect => {
    return { kind: 'begin', at: idOf(shard), number, call: callAt(deployment, number) };
  });
  const step = advance({ ...shard, begun: until });
  return { shard: step.shard, effects: [...begins, ...step.effects] };
}

/** Behind the calls that may be under way: the next one, and a batch that may begin ahead of it. */
function reachOf(deployment: Deployment, calls: number, stopAt: number): number {
  const behind = calls + 1;
  const ends = behind >= Math.min(stopAt, allCalls(deployment));
  const batches = !ends && [calls, behind].every((n) => callAt(deployment, n).kind === 'train');
  return batches && deployment.ahead === 1 ? behind + 1 : behind;
}

/** Says where it can stop: at the end of the call under way. */
function pause(shard: HostedShard): ShardStep {
  const { deployment } = shard;
  if (!deployment) return { shard, effects: [] };
  const under = ['running', 'waiting'].includes(shard.phase) ? 1 : 0;
  const calls = Math.min(shard.calls + under, allCalls(deployment));
  const pausing: Message = { type: 'pausing', ...idOf(shard), calls };
  return { shard: { ...shard, stopAt: calls }, effects: [{ kind: 'send', message: pausing }] };
}

function haltAt(shard: HostedShard, calls: number): ShardStep {
  const going: HostedShard = { ...shard, stopAt: calls };
  // Where it stopped it has saved already.
  return shard.phase === 'paused' && shard.calls < calls ? proceed(going) : { shard: going, effects: [] };
}

function idOf({ run, term, shard }: ShardId): ShardId {
  return { run, term, shard };
}
