/** Frames through shared memory: what is put arrives as it is, lanes are short, and nobody sleeps for ever. */
import { expect, test } from 'vitest';
import { createExchange, Exchange } from '../../../runtime/shard/exchange.ts';
import type { FrameKey } from '../../../runtime/training/frame.ts';
import type { Message } from '../../../spec/schedule.ts';

const MESSAGES: readonly Message[] = [
  {
    id: 3,
    from: 0,
    to: 1,
    values: [
      { name: 'a', shape: [2, 3] },
      { name: 'b', shape: [] },
    ],
  },
  { id: 7, from: 1, to: 0, values: [{ name: 'c', shape: [5] }] },
];

function ends(ahead = false): readonly [Exchange, Exchange] {
  const start = createExchange({ messages: MESSAGES, microbatches: 2, ahead, threads: { 0: 0, 1: 1 } }, 2);
  return [new Exchange(start, 0), new Exchange(start, 1)];
}

const keyOf = (message: number, callIndex: number, microbatch: number, tick: number): FrameKey => ({
  ...{ message, callIndex, microbatch, tick },
});

function put(exchange: Exchange, key: FrameKey, ...values: readonly (readonly number[])[]): boolean {
  const places = exchange.openWrite(key);
  values.forEach((list, i) => {
    places?.[i]?.set(list);
  });
  if (places) exchange.post(key);
  return places !== undefined;
}

function take(exchange: Exchange, key: FrameKey): number[][] | undefined {
  const values = exchange.openRead(key)?.map((v) => [...v]);
  if (values) exchange.release(key);
  return values;
}

test('a frame arrives with its values once, where it was sent to', () => {
  const [first, second] = ends();
  const key = keyOf(3, 0, 1, 4);
  expect(second.has(key)).toBe(false);
  expect(put(first, key, [1, 2, 3, 4, 5, 6], [7])).toBe(true);
  expect(second.has(keyOf(3, 0, 0, 4))).toBe(false);
  expect(second.has(keyOf(3, 0, 1, 5))).toBe(false);
  expect(second.waiting()).toEqual(key);
  expect(first.waiting()).toBeUndefined();
  expect(take(second, key)).toEqual([[1, 2, 3, 4, 5, 6], [7]]);
  expect(take(second, key)).toBeUndefined();
});

test('a writer runs ahead of its reader by two frames, and is woken when there is room', () => {
  const [first, second] = ends();
  const frames = [0, 1, 2].map((tick) => keyOf(7, 0, 0, tick));
  expect(frames.map((key) => put(second, key, [key.tick, 0, 0, 0, 0]))).toEqual([true, true, false]);
  const heard = second.bell;
  expect(take(first, keyOf(7, 0, 0, 0))).toEqual([[0, 0, 0, 0, 0]]);
  expect(second.bell).not.toBe(heard);
  // Nobody waits for room any more: nobody is woken for it.
  const later = second.bell;
  expect(take(first, keyOf(7, 0, 0, 1))).toEqual([[1, 0, 0, 0, 0]]);
  expect(second.bell).toBe(later);
  expect(put(second, keyOf(7, 0, 0, 2), [2, 0, 0, 0, 0])).toBe(true);
  expect(take(first, keyOf(7, 0, 0, 2))).toEqual([[2, 0, 0, 0, 0]]);
});

test('frames of other microbatches, and of two calls under way, do not block each other', () => {
  const [first, second] = ends(true);
  const keys = [keyOf(7, 0, 0, 0), keyOf(7, 0, 0, 1), keyOf(7, 0, 1, 0), keyOf(7, 1, 0, 0)];
  keys.forEach((key, i) => {
    expect(put(second, key, [i, 0, 0, 0, 0])).toBe(true);
  });
  expect(first.waiting()).toEqual(keys[0]);
  expect(take(first, keyOf(7, 1, 0, 0))?.[0]?.[0]).toBe(3);
  expect(take(first, keyOf(7, 0, 1, 0))?.[0]?.[0]).toBe(2);
  expect(take(first, keyOf(7, 0, 0, 0))?.[0]?.[0]).toBe(0);
  expect(take(first, keyOf(7, 0, 0, 1))?.[0]?.[0]).toBe(1);
  expect(first.waiting()).toBeUndefined();
});

test('a waiting thread wakes for a frame, and when all are stopped', async () => {
  const [first, second] = ends();
  const asleep = second.sleepAsync(second.bell);
  put(first, keyOf(3, 0, 0, 0), [1, 2, 3, 4, 5, 6], [7]);
  await asleep;
  const before = second.bell;
  const again = [first.sleepAsync(first.bell), second.sleepAsync(before)];
  first.stop();
  await Promise.all(again);
  expect(second.isStopped).toBe(true);
  // What has rung since it was heard is no reason to sleep.
  second.sleep(before, 60_000);
});
