/** The trainer's state machine as rules: what a shard does in each phase, whatever comes. */
import { describe, expect, test } from 'vitest';
import { trainer } from '../../../runtime/roles/trainer.ts';
import {
  EMPTY_TRAINER,
  type HostedShard,
  type Measured,
  type ShardId,
  type ShardPhase,
  shardName,
  type TrainerEffect,
  type TrainerEvent,
  type TrainerState,
} from '../../../runtime/roles/trainer-state.ts';
import type { Exchange, Message } from '../../../runtime/wire/messages.ts';
import { chain } from '../../mesh/simulated.ts';
import { holdRules, type Rules } from './rules.ts';

/** Four batches an epoch, two epochs; all shards save after every second batch. */
const deployment = chain(2, 4, 2, 2);
const TERM = 3;
const at: ShardId = { run: deployment.run, term: TERM, shard: 0 };
const exchange: Exchange = { shard: 0, key: 'k', number: 1, exchange: '', sig: '' };
const NOT_MEASURED: Measured = { now: 0, shards: {}, refused: 0 };
const part = { blob: 'b', hash: 'h', totals: {}, signature: 's' };
const dispute = { peer: 1, call: 0, what: 'border' } as const;

const STILL = { ticks: 0, busyMilliseconds: 0, awaits: 'shard 1', waits: [1] };
const NO_TRAFFIC = { bytesSent: 0, bytesReceived: 0, borders: 0, direct: 0 };

/** A shard that is loaded and does not move. */
function measured(now: number): Measured {
  return { now, shards: { [shardName(at)]: { ...STILL, ...NO_TRAFFIC } }, refused: 0 };
}

const said = (message: Message): TrainerEvent => ({ kind: 'message', message });
const ofTerm = (term: number) => ({ run: at.run, term });
const assign = (term: number, ...shards: number[]): TrainerEvent =>
  said({ type: 'assign', ...ofTerm(term), deployment: 'd', shards: shards.map((shard) => ({ shard })) });
const advanced = (outcome: 'send' | 'needs' | 'done' | 'idle'): TrainerEvent => ({ kind: 'advanced', at, outcome });
const kept = (calls: number, ...commits: HostedShard['commits']): TrainerEvent => ({
  kind: 'kept',
  at,
  calls,
  commits,
});
const saved = (calls: number): TrainerEvent => ({ kind: 'saved', at, calls, part, measured: NOT_MEASURED });

const LOADING = [{ kind: 'connected', measured: NOT_MEASURED }, assign(TERM, 0)] as const;
const READY = [...LOADING, { kind: 'opened', at, deployment, calls: 0 }, { kind: 'offered', at, exchange }] as const;
const RUNNING = [...READY, said({ type: 'start', ...ofTerm(TERM), calls: 0 })] as const;
/** Its first part is stored before the next state is taken. */
const HALF = [advanced('done'), advanced('done'), kept(2), saved(2), advanced('done'), advanced('done')];

/** How each phase is reached. */
const PHASES: Readonly<Record<ShardPhase, readonly TrainerEvent[]>> = {
  loading: LOADING,
  ready: READY,
  running: RUNNING,
  waiting: [...RUNNING, advanced('needs'), { kind: 'tick', measured: measured(0) }],
  saving: [...RUNNING, advanced('done'), advanced('done')],
  paused: [...RUNNING, said({ type: 'pause', ...ofTerm(TERM) }), advanced('done'), kept(1), saved(1)],
  finished: [
    ...RUNNING,
    ...HALF,
    ...[kept(4), saved(4)],
    ...HALF.slice(0, 2),
    ...[kept(6), saved(6)],
    ...[advanced('done'), advanced('done')],
    ...[kept(8), saved(8)],
  ],
  failed: [...RUNNING, { kind: 'failed', at, code: 'x/y', reason: 'no good' }],
};

const EVENTS: Readonly<Record<string, TrainerEvent>> = {
  'a new connection': { kind: 'connected', measured: NOT_MEASURED },
  'the end of the connection': { kind: 'disconnected' },
  'a heartbeat with nothing measured': { kind: 'tick', measured: NOT_MEASURED },
  'a heartbeat after a while without progress': { kind: 'tick', measured: measured(60_000) },
  'a look at it': { kind: 'look', measured: measured(0) },
  'a look with nothing measured': { kind: 'look', measured: NOT_MEASURED },
  'the wish to leave': { kind: 'leaving' },
  'the same assignment again': assign(TERM, 0),
  'an assignment of an old term': assign(TERM - 1, 0),
  'an assignment of a new term': assign(TERM + 1, 0),
  'an assignment of a new term without the shard': assign(TERM + 1, 1),
  'a release': said({ type: 'release', ...ofTerm(TERM) }),
  'a release of an old term': said({ type: 'release', ...ofTerm(TERM - 1) }),
  'a dismissal': said({ type: 'dismissed', reason: 'go' }),
  'keys of the neighbours': said({ type: 'peers', ...ofTerm(TERM), peers: [exchange] }),
  'keys of an old term': said({ type: 'peers', ...ofTerm(TERM - 1), peers: [exchange] }),
  'the word to start where it stands': said({ type: 'start', ...ofTerm(TERM), calls: 0 }),
  'the word to start elsewhere': said({ type: 'start', ...ofTerm(TERM), calls: 4 }),
  'the word to start in an old term': said({ type: 'start', ...ofTerm(TERM - 1), calls: 0 }),
  'a pause': said({ type: 'pause', ...ofTerm(TERM) }),
  'a pause of an old term': said({ type: 'pause', ...ofTerm(TERM - 1) }),
  'a halt after call 2': said({ type: 'halt', ...ofTerm(TERM), calls: 2 }),
  'a halt of an old term': said({ type: 'halt', ...ofTerm(TERM - 1), calls: 2 }),
  'a manifest after call 2': said({ type: 'manifest', ...ofTerm(TERM), calls: 2 }),
  'a manifest of an old term': said({ type: 'manifest', ...ofTerm(TERM - 1), calls: 2 }),
  'a shard that was opened': { kind: 'opened', at, deployment, calls: 0 },
  'a shard that was opened for an old term': { kind: 'opened', at: { ...at, term: 2 }, deployment, calls: 0 },
  'a fresh key for its borders': { kind: 'offered', at, exchange },
  'a frame of a neighbour': { kind: 'news', at },
  'a step with frames to send': advanced('send'),
  'a step that needs frames': advanced('needs'),
  'a step that ends a call': advanced('done'),
  'a step of a device that was closed': advanced('idle'),
  'a step of an old term': { kind: 'advanced', at: { ...at, term: 2 }, outcome: 'done' },
  'a state that was taken': kept(2),
  'a state of an old term': { kind: 'kept', at: { ...at, term: 2 }, calls: 2 },
  'a part that was saved': saved(2),
  'a part of an old term': { kind: 'saved', at: { ...at, term: 2 }, calls: 2, part, measured: NOT_MEASURED },
  'a neighbour that breaks a rule': { kind: 'disputed', at, dispute },
  'a pledge where the mesh wants none': {
    ...{ kind: 'bound', at, message: { type: 'pledge', ...ofTerm(TERM), shard: 0, from: 0, pledge: '0' } },
  },
  'a failure': { kind: 'failed', at, code: 'x/y', reason: 'no good' },
  'a failure of an old term': { kind: 'failed', at: { ...at, term: 2 }, code: 'x/y', reason: 'no good' },
};

const RULES: Rules<ShardPhase> = {
  'a new connection': {
    loading: 'nothing',
    failed: 'nothing',
    paused: 'say heartbeat, say part, offer',
    saving: 'offer',
    finished: 'say heartbeat, say part, offer',
    otherwise: 'offer',
  },
  'the end of the connection': { otherwise: 'noted' },
  'a heartbeat with nothing measured': { otherwise: 'say heartbeat' },
  'a heartbeat after a while without progress': {
    waiting: 'noted, resume, say heartbeat',
    otherwise: 'noted, say heartbeat',
  },
  'a look at it': { otherwise: 'noted' },
  'a look with nothing measured': { otherwise: 'nothing' },
  'the wish to leave': { otherwise: 'noted, say leave' },
  'the same assignment again': { otherwise: 'nothing' },
  'an assignment of an old term': { otherwise: 'nothing' },
  'an assignment of a new term': { loading: 'noted, open', otherwise: 'loading, open' },
  'an assignment of a new term without the shard': { otherwise: 'gone, close, open' },
  'a release': { otherwise: 'gone, close' },
  'a release of an old term': { otherwise: 'nothing' },
  'a dismissal': { otherwise: 'leave' },
  'keys of the neighbours': { otherwise: 'peers' },
  'keys of an old term': { otherwise: 'nothing' },
  'the word to start where it stands': { ready: 'running, begin 0, advance', otherwise: 'nothing' },
  'the word to start elsewhere': { otherwise: 'nothing' },
  'the word to start in an old term': { otherwise: 'nothing' },
  'a pause': {
    loading: 'nothing',
    ready: 'noted, say pausing 0',
    running: 'noted, say pausing 1',
    waiting: 'noted, say pausing 1',
    saving: 'noted, say pausing 2',
    paused: 'say pausing 1',
    finished: 'noted, say pausing 8',
    failed: 'noted, say pausing 0',
  },
  'a pause of an old term': { otherwise: 'nothing' },
  'a halt after call 2': { paused: 'running, begin 1, advance', otherwise: 'noted' },
  'a halt of an old term': { otherwise: 'nothing' },
  'a manifest after call 2': { paused: 'noted, forget 2', otherwise: 'forget 2' },
  'a manifest of an old term': { otherwise: 'nothing' },
  'a shard that was opened': { loading: 'ready, offer', failed: 'nothing', otherwise: 'nothing' },
  'a shard that was opened for an old term': { otherwise: 'nothing' },
  'a fresh key for its borders': { loading: 'noted, say ready', failed: 'nothing', otherwise: 'say ready' },
  'a frame of a neighbour': { waiting: 'running, advance', failed: 'nothing', otherwise: 'noted' },
  'a step with frames to send': { running: 'advance', otherwise: 'nothing' },
  'a step that needs frames': { running: 'waiting', otherwise: 'nothing' },
  'a step that ends a call': { running: 'noted, begin 1, advance', otherwise: 'nothing' },
  'a step of a device that was closed': { running: 'noted', otherwise: 'nothing' },
  'a step of an old term': { otherwise: 'nothing' },
  'a state that was taken': { saving: 'running, begin 2, advance', otherwise: 'nothing' },
  'a state of an old term': { otherwise: 'nothing' },
  // None is being stored in these phases.
  'a part that was saved': { otherwise: 'nothing' },
  'a part of an old term': { otherwise: 'nothing' },
  'a neighbour that breaks a rule': {
    waiting: 'noted, say dispute',
    failed: 'nothing',
    otherwise: 'waiting, say dispute',
  },
  'a pledge where the mesh wants none': { otherwise: 'nothing' },
  'a failure': { failed: 'nothing', otherwise: 'failed, say failed, close' },
  'a failure of an old term': { otherwise: 'nothing' },
};

function reached(events: readonly TrainerEvent[]): TrainerState {
  return events.reduce((state, event) => trainer(state, event).state, EMPTY_TRAINER);
}

const shardOf = ({ shards }: TrainerState): HostedShard | undefined => shards[shardName(at)];

function wordOf(effect: TrainerEffect): string {
  if (effect.kind === 'begin') return `begin ${effect.callIndex}`;
  if (effect.kind === 'save') return `save ${effect.calls}`;
  if (effect.kind === 'forget') return `forget ${effect.before}`;
  if (effect.kind !== 'send') return effect.kind;
  const { message } = effect;
  return message.type === 'pausing' ? `say pausing ${message.calls}` : `say ${message.type}`;
}

function outcome(before: TrainerState, event: TrainerEvent): string {
  const { state, effects } = trainer(before, event);
  const [was, is] = [shardOf(before), shardOf(state)];
  const noted = JSON.stringify(state) === JSON.stringify(before) ? [] : ['noted'];
  const change = was?.phase === is?.phase ? noted : [is?.phase ?? 'gone'];
  return [...change, ...effects.map(wordOf)].join(', ') || 'nothing';
}

test('a shard that waits asks for lost frames where nothing comes, not where a slow way still brings them', () => {
  const heard = (now: number, bytesReceived: number): TrainerEvent => {
    const shards = { [shardName(at)]: { ...STILL, ...NO_TRAFFIC, bytesReceived } };
    return { kind: 'tick', measured: { now, shards, refused: 0 } };
  };
  const asks = (...events: readonly TrainerEvent[]): boolean => {
    const [last, ...before] = [...events].reverse() as [TrainerEvent, ...TrainerEvent[]];
    const { effects } = trainer(reached([...PHASES.waiting, ...before.reverse()]), last);
    return effects.some(({ kind }) => kind === 'resume');
  };
  expect(asks(heard(2500, 0))).toBe(true);
  const coming = [500, 1000, 1500, 2000, 2500].map((now) => heard(now, 100 * now));
  expect(asks(...coming)).toBe(false);
  expect(asks(...coming, heard(5000, 250_000))).toBe(true);
  // What neighbours ask is no frame.
  expect(asks(...[1000, 2000, 2500].map((now) => heard(now, now)))).toBe(true);
});

test('a shard that waits much longer than usual asks soon, and again after twice the time', () => {
  let state = reached(PHASES.waiting);
  const asks = (now: number, ticks: number): boolean => {
    const shards = { [shardName(at)]: { ...STILL, ...NO_TRAFFIC, ticks } };
    const step = trainer(state, { kind: 'look', measured: { now, shards, refused: 0 } });
    state = step.state;
    return step.effects.some(({ kind }) => kind === 'resume');
  };
  // Two seconds, before anything is known of it; then a tick comes at each look but every fourth.
  const looks = (from: number, count: number, ticks: (i: number) => number): number[] =>
    Array.from({ length: count }, (_, i) => i).flatMap((i) => (asks(from + 50 * i, ticks(i)) ? [50 * i] : []));
  expect(looks(0, 90, () => 0)).toEqual([2050, 4100]);
  expect(looks(4500, 80, (i) => 1 + i - Math.floor(i / 4))).toEqual([]);
  expect(looks(8450, 70, () => 60)).toEqual([250, 700, 1550, 3200]);
});

/** A new kind of event does not type-check until it is here. */
const KINDS: Readonly<Record<TrainerEvent['kind'], true>> = {
  ...{ connected: true, disconnected: true, message: true, tick: true, look: true, leaving: true, opened: true },
  offered: true,
  ...{ advanced: true, news: true, kept: true, saved: true, disputed: true, failed: true, bound: true },
};

describe('a shard of a trainer', () => {
  const phases = Object.keys(PHASES) as ShardPhase[];

  test.each(phases)('reaches %s', (phase) => expect(shardOf(reached(PHASES[phase]))?.phase).toBe(phase));

  test('has a rule for every event', () => expect(Object.keys(RULES)).toEqual(Object.keys(EVENTS)));

  test('has a rule for every kind of event', () => {
    const kinds = new Set(Object.values(EVENTS).map(({ kind }) => kind));
    expect([...kinds].sort()).toEqual(Object.keys(KINDS).sort());
  });

  holdRules(phases, RULES, (phase, event) => outcome(reached(PHASES[phase]), EVENTS[event] as TrainerEvent));
});

describe('a message of a trainer', () => {
  const state = (hash: string) => ({ calls: 1, hash, sig: '' });
  const tick: TrainerEvent = { kind: 'tick', measured: measured(500) };
  const advancedWith = (...hashes: string[]): TrainerEvent => ({
    ...{ kind: 'advanced', at, outcome: 'send', commits: hashes.map(state) },
  });
  const connected: TrainerEvent = { kind: 'connected', measured: NOT_MEASURED };
  const lost: TrainerEvent = { kind: 'disconnected' };

  function saidAt(before: readonly TrainerEvent[], event: TrainerEvent): readonly Message[] {
    return trainer(reached(before), event).effects.flatMap((e) => (e.kind === 'send' ? [e.message] : []));
  }
  const types = (messages: readonly Message[]): string[] => messages.map(({ type }) => type);

  test('waits for the next connection where it must arrive', () => {
    const away = [...RUNNING, lost, said({ type: 'pause', ...ofTerm(TERM) })];
    expect(saidAt([...RUNNING, lost], said({ type: 'pause', ...ofTerm(TERM) }))).toEqual([]);
    expect(types(saidAt(away, connected))).toEqual(['pausing']);
    expect(types(saidAt([...away, connected, lost], connected))).toEqual([]);
  });

  test('is dropped where each connection repeats it, or where it is only of the moment', () => {
    const away = [...RUNNING, lost, tick, { kind: 'offered', at, exchange } as const];
    expect(saidAt([...RUNNING, lost], tick)).toEqual([]);
    expect(saidAt(away, connected)).toEqual([]);
    const disputed = [...RUNNING, lost, { kind: 'disputed', at, dispute } as const];
    expect(types(saidAt(disputed, connected))).toEqual(['dispute']);
  });

  test('about a wish to leave is repeated on each connection, and without one the trainer goes once it holds no shard', () => {
    const leaving: TrainerEvent = { kind: 'leaving' };
    const kinds = (before: readonly TrainerEvent[], event: TrainerEvent): readonly string[] =>
      trainer(reached(before), event).effects.map(wordOf);
    expect(kinds([connected], leaving)).toEqual(['say leave']);
    expect(kinds([connected, leaving], lost)).toEqual(['leave']);
    expect(kinds([connected, lost], leaving)).toEqual(['leave']);
    // What it holds it hands over, when the mesh is back.
    expect(kinds([...RUNNING, leaving], lost)).toEqual([]);
    expect(types(saidAt([...RUNNING, lost, leaving], connected))).toEqual(['leave']);
    expect(types(saidAt([...RUNNING, leaving, lost], connected))).toEqual(['leave']);
  });

  test('with signed states goes out with a heartbeat, once, and the newest is repeated before a part', () => {
    const signed = [...RUNNING, advancedWith('a', 'b')];
    const first = saidAt(signed, tick);
    expect(first).toMatchObject([{ type: 'commit', states: [state('a'), state('b')] }, { type: 'heartbeat' }]);
    expect(types(saidAt([...signed, tick], tick))).toEqual(['heartbeat']);
    const saving = [...signed, tick, advanced('done'), advanced('done'), kept(2)];
    expect(saidAt(saving, saved(2))).toMatchObject([
      { type: 'heartbeat' },
      { type: 'commit', states: [state('b')] },
      { type: 'part', calls: 2 },
    ]);
    const again = saidAt([...saving, saved(2), lost], connected);
    expect(types(again)).toEqual(['heartbeat', 'commit', 'part']);
  });

  test('about states that were signed behind a part goes out when the part is stored', () => {
    const behind = (calls: number) => ({ calls, hash: `of ${calls}`, sig: '' });
    const storing = [...RUNNING, advanced('done'), advanced('done'), kept(2, behind(2))];
    const onwards: TrainerEvent = { kind: 'advanced', at, outcome: 'done', commits: [behind(3)] };
    expect(saidAt([...storing, onwards], tick)).toMatchObject([
      { type: 'commit', states: [behind(2)] },
      { type: 'heartbeat', shards: [{ state: 'running', calls: 3 }] },
    ]);
    const stored = { ...saved(2), measured: measured(500) } as TrainerEvent;
    expect(saidAt([...storing, onwards], stored)).toMatchObject([
      { type: 'commit', states: [behind(2)] },
      { type: 'heartbeat' },
      { type: 'commit', states: [behind(2)] },
      { type: 'part', calls: 2 },
    ]);
    expect(saidAt([...storing, onwards, tick, saved(2)], tick)).toMatchObject([
      { type: 'commit', states: [behind(3)] },
      { type: 'heartbeat' },
    ]);
    expect(saidAt([...storing, onwards], saved(4))).toEqual([]);
  });

  test('with many signed states is divided into several within the size of a message', () => {
    const hashes = Array.from({ length: 1001 }, (_, i) => String(i));
    const messages = saidAt([...RUNNING, advancedWith(...hashes)], tick);
    expect(messages.map((m) => (m.type === 'commit' ? m.states.length : m.type))).toEqual([500, 500, 1, 'heartbeat']);
  });

  test('about signed states of an old term is not sent', () => {
    const newTerm = [...RUNNING, advancedWith('a'), assign(TERM + 1, 0)];
    expect(types(saidAt(newTerm, tick))).toEqual(['heartbeat']);
  });

  test('about a shard says how far it came since the last heartbeat', () => {
    const later = measured(1500).shards[shardName(at)];
    const moved = {
      now: 1500,
      refused: 3,
      shards: { [shardName(at)]: { ...STILL, ...later, ticks: 20, busyMilliseconds: 250 } },
    } as Measured;
    expect(saidAt([...RUNNING, tick], { kind: 'tick', measured: moved })).toMatchObject([
      { type: 'heartbeat', refused: 3, shards: [{ state: 'running', ticksPerSecond: 20, busy: 0.25 }] },
    ]);
  });
});
