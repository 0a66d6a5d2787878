/** Shards that share threads are dealt so that no thread has much more to do than another. */
import { expect, test } from 'vitest';
import { dealShards } from '../../../runtime/shard/threads/deal.ts';

/** A shard that makes so many values in each of some ticks. */
const place = (shard: number, values: number, ticks = 1): Parameters<typeof dealShards>[0][number] => ({
  executable: {
    program: {
      name: 'm',
      states: [],
      functions: [
        {
          ...{ name: 'run', role: 'segment', batch: 1, inputs: [], updates: [], results: [] },
          blocks: [
            {
              ...{ name: 'tick', repeat: 1, firstTick: 0, carries: [], scalars: [] },
              ops: [{ id: 'v', op: 'tanh', args: [], shape: [values], attributes: {}, origin: 'node a' }],
            },
          ],
        },
      ],
    },
  },
  schedule: {
    shard,
    messages: [],
    functions: [
      {
        ...{ name: 'train', batch: 1, inputs: [], results: [] },
        stages: [
          {
            ...{ name: 'tick', repeat: ticks, firstTick: 0, begin: [], next: [], end: [] },
            segments: [{ receive: [], run: 'run', send: [] }],
          },
        ],
      },
    ],
  },
});

test('as many threads as shards have one shard each', () => {
  expect(dealShards([place(0, 9), place(1, 1)], 2)).toEqual([0, 1]);
});

test('fewer threads get the largest shards first, each the thread with the least work so far', () => {
  expect(dealShards([place(0, 8), place(1, 4), place(2, 6), place(3, 3)], 2)).toEqual([0, 1, 1, 0]);
});

test('work that a tick repeats counts as often as it is repeated', () => {
  expect(dealShards([place(0, 5), place(1, 1, 8), place(2, 4)], 2)).toEqual([1, 0, 1]);
});

test('where threads share the rest, what shards do by themselves counts alone', () => {
  const places = [place(0, 9), place(1, 1), place(2, 4)];
  const run = (shard: number) => ({ shard, segment: 'run' });
  expect(dealShards(places, 2, [run(1), run(1), run(2), run(2)])).toEqual([1, 1, 0]);
  expect(new Set(dealShards(places, 2, []))).toEqual(new Set([0, 1]));
});
