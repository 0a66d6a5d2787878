/** The trainer's state machine as rules: what a shard does in each phase, whatever comes. */
import { describe, expect, test } from 'vitest';
import {
  EMPTY_TRAINER,
  type HostedShard,
  type ShardId,
  type ShardPhase,
  shardName,
  type TrainerEffect,
  type TrainerEvent,
  type TrainerState,
  trainer,
} from '../../../runtime/roles/trainer.ts';
import type { Exchange, Message } from '../../../runtime/wire/messages.ts';
import { chain } from '../../mesh/simulated.ts';
import { holdRules, type Rules } from './rules.ts';

/** Four batches an epoch, two epochs; all shards save after every second batch. */
const deployment = chain(2, 4, 2, 2);
const TERM = 3;
const at: ShardId = { run: deployment.run, term: TERM, shard: 0 };
const exchange: Exchange = { shard: 0, key: 'k', number: 1, exchange: '', sig: '' };
const part = { blob: 'b', hash: 'h', totals: {}, signature: 's' };
const dispute = { peer: 1, call: 0, what: 'border' } as const;

const said = (message: Message): TrainerEvent => ({ kind: 'message', message });
const ofTerm = (term: number) => ({ run: at.run, term });
const assign = (term: number, ...shards: number[]): TrainerEvent =>
  said({ type: 'assign', ...ofTerm(term), deployment: 'd', shards: shards.map((shard) => ({ shard })) });
const advanced = (outcome: 'send' | 'needs' | 'done' | 'idle'): TrainerEvent => ({ kind: 'advanced', at, outcome });
const saved = (calls: number): TrainerEvent => ({ kind: 'saved', at, calls, part });

const LOADING = [{ kind: 'connected' }, assign(TERM, 0)] as const;
const READY = [...LOADING, { kind: 'opened', at, deployment, calls: 0 }, { kind: 'offered', at, exchange }] as const;
const RUNNING = [...READY, said({ type: 'start', ...ofTerm(TERM), calls: 0 })] as const;
const HALF = [advanced('done'), advanced('done'), saved(2), advanced('done'), advanced('done')];

/** How each phase is reached. */
const PHASES: Readonly<Record<ShardPhase, readonly TrainerEvent[]>> = {
  loading: LOADING,
  ready: READY,
  running: RUNNING,
  waiting: [...RUNNING, advanced('needs')],
  saving: [...RUNNING, advanced('done'), advanced('done')],
  paused: [...RUNNING, said({ type: 'pause', ...ofTerm(TERM) }), advanced('done'), saved(1)],
  finished: [
    ...RUNNING,
    ...HALF,
    saved(4),
    ...HALF.slice(0, 2),
    saved(6),
    advanced('done'),
    advanced('done'),
    saved(8),
  ],
  failed: [...RUNNING, { kind: 'failed', at, code: 'x/y', reason: 'no good' }],
};

const EVENTS: Readonly<Record<string, TrainerEvent>> = {
  'a new connection': { kind: 'connected' },
  'the end of the connection': { kind: 'disconnected' },
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
  'a part that was saved': saved(2),
  'a part of an old term': { kind: 'saved', at: { ...at, term: 2 }, calls: 2, part },
  'a neighbour that breaks a rule': { kind: 'disputed', at, dispute },
  'a failure': { kind: 'failed', at, code: 'x/y', reason: 'no good' },
  'a failure of an old term': { kind: 'failed', at: { ...at, term: 2 }, code: 'x/y', reason: 'no good' },
};

const RULES: Rules<ShardPhase> = {
  'a new connection': {
    loading: 'nothing',
    failed: 'nothing',
    paused: 'say part, offer',
    saving: 'offer',
    finished: 'say part, offer',
    otherwise: 'offer',
  },
  'the end of the connection': { otherwise: 'noted' },
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
  'a part that was saved': { saving: 'running, say part, begin 2, advance', otherwise: 'nothing' },
  'a part of an old term': { otherwise: 'nothing' },
  'a neighbour that breaks a rule': {
    waiting: 'noted, say dispute',
    failed: 'nothing',
    otherwise: 'waiting, say dispute',
  },
  'a failure': { failed: 'nothing', otherwise: 'failed, say failed, close' },
  'a failure of an old term': { otherwise: 'nothing' },
};

function reached(events: readonly TrainerEvent[]): TrainerState {
  return events.reduce((state, event) => trainer(state, event).state, EMPTY_TRAINER);
}

const shardOf = ({ shards }: TrainerState): HostedShard | undefined => shards[shardName(at)];

function wordOf(effect: TrainerEffect): string {
  if (effect.kind === 'begin') return `begin ${effect.number}`;
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

describe('a shard of a trainer', () => {
  const phases = Object.keys(PHASES) as ShardPhase[];

  test.each(phases)('reaches %s', (phase) => expect(shardOf(reached(PHASES[phase]))?.phase).toBe(phase));

  test('has a rule for every event', () => expect(Object.keys(RULES)).toEqual(Object.keys(EVENTS)));

  holdRules(phases, RULES, (phase, event) => outcome(reached(PHASES[phase]), EVENTS[event] as TrainerEvent));
});
