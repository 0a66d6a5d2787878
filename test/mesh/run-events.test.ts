/** The events of a run: their union, their schema, and what the roles really write. */

import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test } from 'vitest';
import { askLog } from '../../runtime/net/ask-log.ts';
import { simulate } from '../../runtime/simulation/simulation.ts';
import { readSpecJson } from '../../runtime/support/spec-file.ts';
import { readRunEvent } from '../../runtime/wire/run-event-schema.ts';
import type { RunEvent } from '../../spec/run-events.ts';
import { chain } from './simulated.ts';

const SCHEMA = readSpecJson('run-event.schema.json') as {
  readonly $defs: Readonly<Record<string, { readonly required: readonly string[]; readonly properties: object }>>;
};
const written = new Ajv2020({ strict: false }).compile(SCHEMA);
const WHO = { key: 'K', trainer: 'ann' };

/** With every field that its kind has: the type asks for each kind, and for its fields. */
const EXAMPLES: { readonly [Kind in RunEvent['event']]: Required<Extract<RunEvent, { readonly event: Kind }>> } = {
  start: { event: 'start', epoch: 1 },
  led: { event: 'led', reign: 3 },
  running: { event: 'running', epoch: 1, calls: 0 },
  waiting: { event: 'waiting', reason: 'nobody is there' },
  'epoch-of-owners': {
    event: 'epoch-of-owners',
    epoch: 2,
    owners: ['ann', 'bob'],
    keys: ['a', 'b'],
    why: 'ann is gone',
  },
  deprecated: { event: 'deprecated', shard: 1, calls: 10 },
  lost: { event: 'lost', ...WHO, why: 'silent' },
  fault: { event: 'fault', ...WHO, shard: 0, code: 'device/failed', reason: 'no device' },
  liar: { event: 'liar', ...WHO, shard: 0, what: 'hash', evidence: 'abc' },
  aside: { event: 'aside', ...WHO, why: 'it has many disputes' },
  excluded: { event: 'excluded', ...WHO, why: 'it has lied' },
  dispute: {
    ...{ event: 'dispute', what: 'values', verdict: 'undecided', shards: [0, 1], trainer: 'ann', accused: 'bob' },
    ...{ shard: 0, peer: 1, call: 4, evidence: 'abc' },
  },
  audit: {
    ...{ event: 'audit', ...WHO, epoch: 1, from: 0, calls: 2, shards: [0], verdict: 'mismatch' },
    ...{ shard: 0, call: 1, what: 'frame', by: 'bob', why: 'it is so' },
    first: {
      ...{ border: 1, tick: 2, value: 'h', call: 1, run: 'train.tick', operation: 'h.1', op: 'mul', of: 'node h' },
      ...{ how: 'zeros', right: [0.5, 1] },
    },
  },
  'false-audit': { event: 'false-audit', ...WHO, epoch: 1, from: 0, calls: 2, audited: 'bob', said: 'mismatch' },
  'no-auditor': { event: 'no-auditor', ...WHO, why: 'it does not answer' },
  unsealed: { event: 'unsealed', ...WHO, epoch: 1, shard: 0, from: 4, calls: 6, stretches: 1 },
  pledge: { event: 'pledge', epoch: 1, pledge: 'abc' },
  reveal: { event: 'reveal', epoch: 1, secret: 'abc' },
  undone: { event: 'undone', from: 4, calls: 2 },
  'not-undone': { event: 'not-undone', from: 4, reason: 'none is kept' },
  manifest: { event: 'manifest', calls: 10 },
  'manifest-damaged': { event: 'manifest-damaged', calls: 10, from: 5, message: 'a part is gone' },
  epoch: {
    ...{ event: 'epoch', epoch: 1, energy: null, energyByNode: { h: 0.5, y: null }, accuracy: null },
    ...{ seconds: 1.5, samplesPerSecond: 100, validation: 0.8, learnsNothing: ['h'], leftOut: 3 },
  },
  checking: { event: 'checking', calls: 10 },
  unchecked: { event: 'unchecked', reason: 'nobody is free' },
  done: {
    ...{ event: 'done', accuracy: 0.9, seconds: 2, checked: 'by-others' },
    checks: [{ check: 'accuracy > 0.5', value: null, pass: false }],
  },
  suspended: { event: 'suspended', calls: 10 },
  interrupted: { event: 'interrupted' },
  error: { event: 'error', code: 'run/failed', message: 'it went wrong' },
};

describe('the schema of events', () => {
  test('has the kinds of the union, and no others', () => {
    expect(Object.keys(SCHEMA.$defs).sort()).toEqual(Object.keys(EXAMPLES).sort());
  });

  test.each(Object.values(EXAMPLES))('has every field of $event, and no others', (event) => {
    expect(written(event), JSON.stringify(written.errors)).toBe(true);
    expect(Object.keys(SCHEMA.$defs[event.event]?.properties ?? {}).sort()).toEqual(Object.keys(event).sort());
    expect(written({ ...event, surplus: 1 })).toBe(false);
    for (const missing of SCHEMA.$defs[event.event]?.required ?? []) {
      const { [missing]: _gone, ...rest } = event as Readonly<Record<string, unknown>>;
      expect(written(rest), missing).toBe(false);
    }
  });

  test('is what a simulated mesh writes, with kills of both sides', () => {
    const kinds = new Set<string>();
    const faults = { latency: 40, jitter: 30, loss: 0.002, lives: 20_000, away: 5_000, synchronizerLives: 15_000 };
    const common = { deployment: chain(6, 40, 3, 10), nodes: 12, faults, call: 30, until: 90_000 };
    const note = (effects: readonly { readonly kind: string }[]): void => {
      for (const effect of effects) {
        if (effect.kind !== 'log' || !('event' in effect)) continue;
        const { time, ...event } = JSON.parse(JSON.stringify(effect.event)) as { time: number; event: string };
        expect(time).toBeGreaterThanOrEqual(0);
        expect(written(event), JSON.stringify([event, written.errors])).toBe(true);
        kinds.add(event.event);
      }
    };
    for (const seed of [1, 2, 3])
      simulate({ ...common, seed, note: (_before, _event, _at, { effects }) => note(effects) });
    expect([...kinds]).toEqual(
      expect.arrayContaining(['start', 'running', 'epoch-of-owners', 'waiting', 'lost', 'manifest', 'epoch', 'done']),
    );
  });
});

describe('a reader of events', () => {
  const answering = (records: unknown) => ({ ask: async () => ({ records }) });
  const kept = { ...EXAMPLES.epoch, time: 5, sequence: 1 };

  test('takes the fields that it knows, and keeps the record as it was written', async () => {
    const record = { ...kept, newer: 'field' };
    const [read] = await askLog(answering([record]), 'r', 1);
    expect(read).toEqual({ sequence: 1, record, event: EXAMPLES.epoch });
  });

  test('passes on events that only another version knows', async () => {
    const record = { sequence: 1, time: 5, event: 'audited' };
    expect(await askLog(answering([record]), 'r', 1)).toEqual([{ sequence: 1, record, event: undefined }]);
  });

  test.each([
    ['a field of another type', { ...kept, energy: 'high' }],
    ['a field that is missing', { sequence: 1, time: 5, event: 'error', code: 'run/failed' }],
    ['checks that are not objects', { sequence: 1, time: 5, ...EXAMPLES.done, checks: [null] }],
    ['no event', { sequence: 1, time: 5 }],
    ['no time', { ...kept, time: 9e15 }],
  ])('refuses %s by name', async (_what, record) => {
    await expect(askLog(answering([record]), 'r', 1)).rejects.toMatchObject({
      code: 'mesh/answer',
      message: expect.stringContaining('not the log of a run'),
    });
  });

  test('says what is wrong with an event', () => {
    expect(readRunEvent({ event: 'error', code: 1, message: '' })).toEqual({
      problem: 'error/code must be string',
    });
  });
});
