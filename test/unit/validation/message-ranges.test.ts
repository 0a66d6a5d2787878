/** Which values a message can have, by the plan alone. */
import { expect, test } from 'vitest';
import { messageRanges } from '../../../runtime/validation/message-ranges.ts';
import { rangesFor, withinRange } from '../../../runtime/validation/within-range.ts';
import type { Op, Program } from '../../../spec/program.ts';
import type { Move, Segment, ShardSchedule } from '../../../spec/schedule.ts';

const op = (id: string, name: string, ...args: string[]): Op => ({ id, op: name, args, attributes: {}, shape: [2] });
const constant = (id: string, value: number): Op => ({ ...op(id, 'constant'), attributes: { value } });

/** One segment of a shard. */
function programOf(inputs: readonly string[], results: readonly string[], ...ops: readonly Op[]): Program {
  const of = inputs.map((field) => ({ id: field, field, type: 'f32' as const, shape: [2] }));
  const block = { name: 'b', repeat: 1, firstTick: 0, scalars: [], carries: [], ops };
  const given = results.map((name) => ({ name, value: name }));
  const run = {
    name: 'run',
    role: 'segment' as const,
    batch: 2,
    inputs: of,
    blocks: [block],
    updates: [],
    results: given,
  };
  return { name: 'p', states: [], functions: [run] };
}

const value = (name: string) => ({ name, shape: [2] });
const MESSAGES = [
  { id: 0, from: 0, to: 1, values: [value('a'), value('b')] },
  { id: 1, from: 0, to: 1, values: [value('w')] },
  { id: 2, from: 1, to: 0, values: [value('e')] },
  { id: 3, from: 1, to: 0, values: [value('z')] },
];

function scheduleOf(shard: number, segment: Segment, begin: readonly Move[], next: readonly Move[]): ShardSchedule {
  const stage = { name: 'tick', repeat: 4, firstTick: 0, begin, segments: [segment], next, end: [] };
  const inputs = [{ name: 'x', type: 'f32' as const, shape: [1] }];
  return { shard, functions: [{ name: 'train', batch: 2, inputs, stages: [stage], results: [] }], messages: MESSAGES };
}

test('a value behind a tanh has its range, in what is made of it as well; one that settles, or has weights, has none', () => {
  const first = programOf(
    ['x', 'z'],
    ['a', 'b', 'w'],
    ...[op('a', 'tanh', 'x'), op('s', 'sigmoid', 'z'), op('b', 'neg', 's'), op('w', 'matmul', 'a', 'weights')],
  );
  const second = programOf(
    ['a', 'b', 'z0'],
    ['e', 'z'],
    ...[op('e', 'sub', 'a', 'b'), constant('rate', 0.1), op('step', 'mul', 'e', 'rate'), op('z', 'add', 'z0', 'step')],
  );
  const ranges = messageRanges(
    [first, second],
    [
      scheduleOf(0, { receive: [2, 3], run: 'run', send: [0, 1] }, [], []),
      scheduleOf(
        1,
        { receive: [0, 1], run: 'run', send: [2, 3] },
        [{ from: 'b', to: 'z0' }],
        [{ from: 'z', to: 'z0' }],
      ),
    ],
  );
  expect([...ranges.keys()].sort()).toEqual([0, 2]);
  // Devices round, and so does half precision.
  const rounded = (id: number) =>
    [ranges.get(id)?.low ?? 0, ranges.get(id)?.high ?? 0].map((n) => Number(n.toFixed(1)));
  expect([rounded(0), rounded(2)]).toEqual([
    [-1, 1],
    [-1, 2],
  ]);
  expect(ranges.get(0)?.high).toBeGreaterThan(1.001);
});

test('a frame within its range stays the same, and of one beyond it the nearest values are taken', () => {
  const need = { memory: 1, flops: 1, bytes: 1 };
  const ranges = rangesFor({ needs: [need, { ...need, ranges: [{ message: 3, low: 0 }] }] }, 1);
  const frame = {
    message: 3,
    callIndex: 0,
    microbatch: 0,
    tick: 0,
    values: [Float32Array.of(0, 5), Float32Array.of(1e9)],
  };
  expect(withinRange(frame, ranges.get(3))).toBe(frame);
  expect(withinRange({ ...frame, message: 4 }, ranges.get(4)).values).toBe(frame.values);
  const lies = { ...frame, values: [Float32Array.of(-3, 5), Float32Array.of(2)] };
  expect(withinRange(lies, { low: -1, high: 3 }).values).toEqual([Float32Array.of(-1, 3), Float32Array.of(2)]);
  // What came is signed, and stays as it is.
  expect(lies.values[0]?.[0]).toBe(-3);
  expect(rangesFor({ needs: [need] }, 0).size).toBe(0);
});
