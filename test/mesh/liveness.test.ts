/** Who is gone: a trainer that is busy is not, one whose connection broke is, within the lapse. */
import { expect, test } from 'vitest';
import { LAPSE_MS, SILENT_MS } from '../../runtime/roles/liveness.ts';
import { emptySynchronizer, synchronizer, TICK_MS } from '../../runtime/roles/synchronizer.ts';
import type { SynchronizerEvent, SynchronizerState } from '../../runtime/roles/synchronizer-state.ts';
import type { Message } from '../../runtime/wire/messages.ts';

const key = 'trainer';
const instance = '0123456789abcdef';
const capability = { cores: 1, memory: 1, rate: 1, upload: 0, download: 0, machine: 'm' };
const member: Message = { type: 'member', name: 'one', instance, capability };

/** The state after so many milliseconds, with an event every half second. */
function after(
  milliseconds: number,
  every: SynchronizerEvent | undefined,
  first: readonly SynchronizerEvent[] = [],
): SynchronizerState {
  let { state } = synchronizer(emptySynchronizer(0), { kind: 'message', from: key, message: member }, 0);
  for (const event of first) state = synchronizer(state, event, 0).state;
  for (let now = TICK_MS; now <= milliseconds; now += TICK_MS) {
    if (every && now % 500 === 0) state = synchronizer(state, every, now).state;
    state = synchronizer(state, { kind: 'tick' }, now).state;
  }
  return state;
}

const isThere = (state: SynchronizerState): boolean => state.members[key] !== undefined;

test('a trainer that computes for a minute without a word counts as alive while its pulse says so', () => {
  expect(isThere(after(60_000, { kind: 'alive', key, instance }))).toBe(true);
});

test('the pulse of another process under the same key does not count', () => {
  expect(isThere(after(SILENT_MS + 1000, { kind: 'alive', key, instance: 'f'.repeat(16) }))).toBe(false);
});

test('silence on both connections is found within the lapse after a regular pulse', () => {
  const pulsed: SynchronizerEvent = { kind: 'alive', key, instance };
  let state = after(10_000, pulsed);
  const silentAt = (now: number): SynchronizerState => {
    state = synchronizer(state, { kind: 'tick' }, now).state;
    return state;
  };
  for (let now = 10_000; now <= 10_000 + LAPSE_MS; now += TICK_MS) expect(isThere(silentAt(now))).toBe(true);
  expect(isThere(silentAt(10_000 + LAPSE_MS + TICK_MS))).toBe(false);
});

test('a process that has just begun may be silent for longer, since its pulse says nothing yet', () => {
  let state = after(1000, { kind: 'alive', key, instance });
  const silentAt = (now: number): SynchronizerState => {
    state = synchronizer(state, { kind: 'tick' }, now).state;
    return state;
  };
  for (let now = 1000; now <= 1000 + SILENT_MS; now += TICK_MS) expect(isThere(silentAt(now))).toBe(true);
  expect(isThere(silentAt(1000 + SILENT_MS + TICK_MS))).toBe(false);
});

test('a trainer whose machine delays even the pulse by seconds may be silent for longer, for a while', () => {
  const pulsed: SynchronizerEvent = { kind: 'alive', key, instance };
  /** Pulses so far apart, then silence. @returns after how long it is gone */
  const found = (every: number): number => {
    let state = after(1000, pulsed);
    let seen = 1000;
    for (let now = 1000 + TICK_MS; now <= 60_000; now += TICK_MS) {
      if (now <= 21_000 && now - seen >= every) {
        state = synchronizer(state, pulsed, now).state;
        seen = now;
      }
      state = synchronizer(state, { kind: 'tick' }, now).state;
      if (!isThere(state)) return now - seen;
    }
    throw new Error('it is there for ever');
  };
  expect(found(500)).toBe(LAPSE_MS + TICK_MS);
  expect(found(1500)).toBe(6000 + TICK_MS);
  expect(found(2250)).toBe(9000 + TICK_MS);
});

test('a trainer that is silent on both connections is lost, and sooner where its connection broke', () => {
  expect(isThere(after(SILENT_MS, undefined))).toBe(true);
  expect(isThere(after(SILENT_MS + 1000, undefined))).toBe(false);
  const broken: SynchronizerEvent = { kind: 'disconnected', key };
  expect(isThere(after(LAPSE_MS, undefined, [broken]))).toBe(true);
  expect(isThere(after(LAPSE_MS + 2 * TICK_MS, undefined, [broken]))).toBe(false);
});
