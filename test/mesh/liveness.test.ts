/** Who is gone: a trainer that is busy is not, one whose connection broke is, within the lapse. */
import { expect, test } from 'vitest';
import { emptySynchronizer, LAPSE, SILENT, synchronizer, TICK } from '../../runtime/roles/synchronizer.ts';
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
  for (let now = TICK; now <= milliseconds; now += TICK) {
    if (every && now % 500 === 0) state = synchronizer(state, every, now).state;
    state = synchronizer(state, { kind: 'tick' }, now).state;
  }
  return state;
}

const isThere = (state: SynchronizerState): boolean => state.members[key] !== undefined;

test('a trainer that computes for a minute without a word lives, while its other thread says so', () => {
  expect(isThere(after(60_000, { kind: 'alive', key, instance }))).toBe(true);
});

test('the word of another process under the same key is none of its', () => {
  expect(isThere(after(SILENT + 1000, { kind: 'alive', key, instance: 'f'.repeat(16) }))).toBe(false);
});

test('silent on both connections, it is gone; sooner where its connection broke', () => {
  expect(isThere(after(SILENT, undefined))).toBe(true);
  expect(isThere(after(SILENT + 1000, undefined))).toBe(false);
  const broken: SynchronizerEvent = { kind: 'disconnected', key };
  expect(isThere(after(LAPSE, undefined, [broken]))).toBe(true);
  expect(isThere(after(LAPSE + 2 * TICK, undefined, [broken]))).toBe(false);
});
