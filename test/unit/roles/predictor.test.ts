/** The predictor's state machine as rules: what answers in each state, and when newer weights are looked for. */
import { describe, expect, test } from 'vitest';
import {
  EMPTY_PREDICTOR,
  LOOK_EVERY_MS,
  type PredictorEffect,
  type PredictorEvent,
  type PredictorState,
  predictor,
} from '../../../runtime/roles/predictor.ts';
import { holdRules, type Rules } from './rules.ts';

const NOW = 10_000;
const tick: PredictorEvent = { kind: 'tick' };
const LOOKING = [tick] as const;
const LOADING = [...LOOKING, { kind: 'found', slot: 0, version: 'a' }] as const;
const SERVING = [...LOADING, { kind: 'loaded', slot: 1, version: 'a' }] as const;
const LATER = NOW + LOOK_EVERY_MS;

/** How each state is reached; a request, number 1, came at its beginning. */
const STATES = {
  empty: [],
  'looking first': LOOKING,
  'loading first': LOADING,
  'without weights': [...LOOKING, { kind: 'failed', slot: 0, reason: 'away' }],
  serving: SERVING,
  'serving and looking': [...SERVING, tick],
  'serving and loading': [...SERVING, tick, { kind: 'found', slot: 2, version: 'b' }],
  closing: [...SERVING, { kind: 'close' }],
} satisfies Readonly<Record<string, readonly PredictorEvent[]>>;
type State = keyof typeof STATES;

const EVENTS: Readonly<Record<string, PredictorEvent>> = {
  'a tick': tick,
  'the newest version': { kind: 'found', slot: 0, version: 'a' },
  'the version that is there': { kind: 'found', slot: 2, version: 'a' },
  'a newer version': { kind: 'found', slot: 2, version: 'b' },
  'the first weights': { kind: 'loaded', slot: 1, version: 'a' },
  'newer weights': { kind: 'loaded', slot: 3, version: 'b' },
  'weights that no caller waits for': { kind: 'loaded', slot: 9, version: 'z' },
  'the failure of the first look': { kind: 'failed', slot: 0, reason: 'away' },
  'the failure of the first load': { kind: 'failed', slot: 1, reason: 'away' },
  'the failure of a later load': { kind: 'failed', slot: 3, reason: 'away' },
  'a request': { kind: 'request', request: 2 },
  'the end of the first request': { kind: 'ended', request: 1 },
  'the end of an unknown request': { kind: 'ended', request: 7 },
  'the end of it all': { kind: 'close' },
};

const RULES: Rules<State> = {
  'a tick': { empty: 'look 0', 'without weights': 'look 1', serving: 'look 2', otherwise: 'nothing' },
  'the newest version': { 'looking first': 'load 1', otherwise: 'nothing' },
  'the version that is there': { 'serving and looking': 'noted', otherwise: 'nothing' },
  'a newer version': { 'serving and looking': 'load 3', otherwise: 'nothing' },
  'the first weights': { 'loading first': 'answer 1 by 1', otherwise: 'free 1' },
  'newer weights': { 'serving and loading': 'noted', otherwise: 'free 3' },
  'weights that no caller waits for': { otherwise: 'free 9' },
  'the failure of the first look': { 'looking first': 'refuse 1: away', otherwise: 'nothing' },
  'the failure of the first load': { 'loading first': 'refuse 1: away', otherwise: 'nothing' },
  'the failure of a later load': { 'serving and loading': 'noted', otherwise: 'nothing' },
  'a request': {
    serving: 'answer 2 by 1',
    'serving and looking': 'answer 2 by 1',
    'serving and loading': 'answer 2 by 1',
    closing: 'refuse 2: the predictor is closing',
    otherwise: 'noted',
  },
  'the end of the first request': {
    serving: 'noted',
    'serving and looking': 'noted',
    'serving and loading': 'noted',
    closing: 'free 1',
    otherwise: 'nothing',
  },
  'the end of an unknown request': { otherwise: 'nothing' },
  'the end of it all': {
    empty: 'refuse 1: the predictor is closing',
    'looking first': 'refuse 1: the predictor is closing',
    'loading first': 'refuse 1: the predictor is closing',
    closing: 'nothing',
    otherwise: 'noted',
  },
};

function reached(events: readonly PredictorEvent[]): PredictorState {
  const asked = predictor(EMPTY_PREDICTOR, { kind: 'request', request: 1 }, NOW).state;
  // Each second look is due: time goes by before a tick.
  return events.reduce((state, event, i) => predictor(state, event, i < 3 ? NOW : LATER).state, asked);
}

function wordOf(effect: PredictorEffect): string {
  if (effect.kind === 'answer') return `answer ${effect.request} by ${effect.slot}`;
  if (effect.kind === 'refuse') return `refuse ${effect.request}: ${effect.reason}`;
  return `${effect.kind} ${effect.slot}`;
}

function outcome(before: PredictorState, event: PredictorEvent): string {
  const { state, effects } = predictor(before, event, LATER);
  const noted = JSON.stringify(state) === JSON.stringify(before) ? 'nothing' : 'noted';
  return effects.map(wordOf).join(', ') || noted;
}

/** A new kind of event does not type-check until it is here. */
const KINDS: Readonly<Record<PredictorEvent['kind'], true>> = {
  tick: true,
  found: true,
  loaded: true,
  failed: true,
  request: true,
  ended: true,
  close: true,
};

describe('a predictor', () => {
  test('has a rule for every event', () => expect(Object.keys(RULES)).toEqual(Object.keys(EVENTS)));

  test('has a rule for every kind of event', () => {
    const kinds = new Set(Object.values(EVENTS).map(({ kind }) => kind));
    expect([...kinds].sort()).toEqual(Object.keys(KINDS).sort());
  });

  holdRules(Object.keys(STATES) as State[], RULES, (state, event) =>
    outcome(reached(STATES[state]), EVENTS[event] as PredictorEvent),
  );
});
