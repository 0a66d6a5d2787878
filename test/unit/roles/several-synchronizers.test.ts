/** One of several synchronizers as a state machine: what it does for runs that others lead, and what it leaves to them. */
import { describe, expect, test } from 'vitest';
import { between } from '../../../runtime/roles/allotments.ts';
import { emptySynchronizer, synchronizer } from '../../../runtime/roles/synchronizer.ts';
import {
  type RunState,
  type StoredRun,
  type SynchronizerEffect,
  type SynchronizerEvent,
  type SynchronizerState,
  storedOf,
} from '../../../runtime/roles/synchronizer-state.ts';
import type { Message } from '../../../runtime/wire/messages.ts';
import { chain } from '../../mesh/simulated.ts';

const HASH = '0'.repeat(64);

class One {
  state: SynchronizerState = { ...emptySynchronizer(0), presides: false, allotted: { version: 0, lines: {} } };
  now = 0;

  /** @returns what comes of it */
  enter(event: SynchronizerEvent): readonly SynchronizerEffect[] {
    this.now += 1;
    const step = synchronizer(this.state, event, this.now);
    this.state = step.state;
    return step.effects;
  }

  joins(key: string, memory: number, taken?: true): readonly SynchronizerEffect[] {
    const capability = { cores: 1, memory, rate: 1e9, upload: 0, download: 0, machine: key };
    const message: Message = { type: 'member', name: 'trainer', instance: '1'.repeat(16), capability };
    return this.enter({ kind: 'message', from: key, message, ...(taken ? { taken } : {}) });
  }

  deploy(run: string, memory = 1): readonly SynchronizerEffect[] {
    const plain = chain(1, 2, 1, 1);
    const needs = plain.needs.map((need) => ({ ...need, memory }));
    return this.enter({ kind: 'deploy', deployment: { ...plain, run, needs }, hash: HASH });
  }

  stored(run: string): StoredRun {
    return storedOf(this.state.runs[run] as RunState);
  }
}

const kinds = (effects: readonly SynchronizerEffect[]): string[] =>
  effects.map((effect) => (effect.kind === 'send' ? `${effect.message.type} to ${effect.to}` : effect.kind));

describe('a trainer of another gateway', () => {
  test('has the name that it was given there, and is told nothing of it here', () => {
    const one = new One();
    expect(kinds(one.joins('a', 10))).toEqual(['admitted to a']);
    expect(kinds(one.joins('b', 10, true))).toEqual([]);
    expect(Object.values(one.state.members).map(({ name }) => name)).toEqual(['trainer', 'trainer']);
    one.joins('c', 10);
    expect(one.state.members.c?.name).toBe('trainer-2');
  });

  test('is told by the leader of the mesh that a run is over', () => {
    const one = new One();
    one.deploy('over');
    one.enter({ kind: 'follows', run: { ...one.stored('over'), phase: 'done' } });
    expect(kinds(one.joins('a', 10, true))).toEqual([]);
    one.enter({ kind: 'presides', presides: true });
    expect(kinds(one.joins('a', 10, true))).toEqual(['release to a']);
  });
});

describe('a run that another synchronizer leads', () => {
  test('is not stopped, judged, or given up here', () => {
    const one = new One();
    one.joins('a', 10);
    one.deploy('theirs');
    const run = one.stored('theirs');
    one.enter({ kind: 'follows', run: { ...run, phase: 'checking', manifests: [] } });
    expect(one.enter({ kind: 'stop', run: 'theirs' })).toEqual([]);
    expect(one.enter({ kind: 'checked', run: 'theirs', calls: 2, values: [0] })).toEqual([]);
    expect(one.enter({ kind: 'manifest-damaged', run: 'theirs', calls: 2 })).toEqual([]);
    expect(one.enter({ kind: 'close' })).toEqual([]);
  });

  test('that waits is told when a later one begins before it', () => {
    const one = new One();
    one.deploy('early', 9);
    one.enter({ kind: 'follows', run: one.stored('early') });
    one.deploy('late', 1);
    expect(kinds(one.joins('a', 5))).toContain('overtook');
    const other = new One();
    other.deploy('early', 9);
    other.enter({ kind: 'overtaken', run: 'early' });
    expect(other.state.runs.early?.overtaken).toBe(1);
  });

  test('keeps a trainer that wants to go until it is stored that it has given it up', () => {
    const one = new One();
    one.joins('a', 10);
    one.deploy('theirs');
    const run = one.stored('theirs');
    one.enter({ kind: 'follows', run });
    expect(kinds(one.enter({ kind: 'drain', name: 'a' }))).toEqual([]);
    expect(kinds(one.enter({ kind: 'follows', run: { ...run, phase: 'waiting', owners: [] } }))).toEqual([
      'dismissed to a',
      'dismiss',
    ]);
  });

  test('has its owners say again what they are when it is led here', () => {
    const one = new One();
    one.joins('a', 10);
    one.deploy('theirs');
    const run = one.stored('theirs');
    one.enter({ kind: 'follows', run });
    expect(kinds(one.enter({ kind: 'leads', run }))).toEqual(['allot', 'reconnect']);
  });
});

test('a run holds what it had and what it is to have until it is stored that it has moved', () => {
  const before = { term: 1, memory: { a: 5, b: 5 } };
  expect(between(before, { term: 2, memory: { a: 3, c: 5 } })).toEqual({ term: 2, memory: { a: 5, b: 5, c: 5 } });
  expect(between(undefined, before)).toEqual(before);
  const one = new One();
  one.joins('a', 10);
  one.deploy('run', 5);
  one.joins('b', 10);
  const effects = one.enter({ kind: 'expelled', key: 'a', reason: 'gone' });
  const allotted = effects.map((effect): unknown => (effect.kind === 'allot' ? effect.line?.memory : effect.kind));
  expect(allotted.filter((what) => what !== 'log' && what !== 'send')).toEqual([{ a: 5, b: 5 }, 'persist', { b: 5 }]);
});

test('only the one who leads the mesh asks for probes, and others take what it has asked for', () => {
  const one = new One();
  const message: Message = { type: 'measured', key: 'b', sent: 1e6, received: 1e6, roundTrip: 5 };
  for (const key of ['a', 'b']) one.joins(key, 10);
  one.enter({ kind: 'message', from: 'a', message });
  expect(one.state.members.a?.borders?.b).toBeUndefined();
  one.enter({ kind: 'message', from: 'a', message, taken: true });
  expect(one.state.members.a?.borders?.b?.last).toEqual({ sent: 1e6, received: 1e6, roundTrip: 5 });
});
