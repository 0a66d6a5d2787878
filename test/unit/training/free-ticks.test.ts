/** Which frame a free tick reads. */
import { describe, expect, test } from 'vitest';
import { Slots } from '../../../runtime/shard/slots.ts';
import type { Frame } from '../../../runtime/training/frame.ts';
import {
  asTaken,
  emulated,
  type FrameChooser,
  freeMessages,
  newestWithin,
  supersedes,
  type Taken,
} from '../../../runtime/training/free-ticks.ts';

const key = (tick: number, message = 3, callIndex = 0) => ({ message, callIndex, microbatch: 0, tick });
const frame = (tick: number, callIndex = 0): Frame => ({ ...key(tick, 3, callIndex), values: [Float64Array.of(tick)] });

/** The tick that each of `ticks` ticks reads, where all frames are there. */
function readBy(chooser: FrameChooser, ticks: number): number[] {
  const slots = new Slots(new Set([3]), chooser);
  for (let tick = 0; tick < ticks; tick++) slots.put(frame(tick));
  return Array.from({ length: ticks }, (_, tick) => slots.take(key(tick))?.tick ?? -1);
}

describe('the newest frame', () => {
  test('is read where it is within the bound, and else waited for', () => {
    const slots = new Slots(new Set([3]), newestWithin(2));
    expect(slots.has(key(0))).toBe(false);
    slots.put(frame(0));
    expect([0, 1, 2, 3].map((tick) => slots.has(key(tick)))).toEqual([true, true, true, false]);
    slots.put(frame(5));
    expect(slots.take(key(3))?.tick).toBe(5);
  });

  test('takes the place of older ones, which do no harm when they come late', () => {
    const slots = new Slots(new Set([3]), newestWithin(9));
    expect([2, 1, 2, 4].map((tick) => slots.put(frame(tick)))).toEqual([undefined, 'past', 'twice', undefined]);
    expect(slots.take(key(6))?.tick).toBe(4);
  });

  test('of another call is not read', () => {
    const slots = new Slots(new Set([3]), newestWithin(9));
    slots.put(frame(4, 1));
    expect([slots.has(key(0)), slots.has(key(0, 3, 1))]).toEqual([false, true]);
  });

  test('with a bound of 0 is that of the tick', () => {
    const slots = new Slots(new Set([3]), newestWithin(0));
    slots.put(frame(0));
    expect([slots.has(key(0)), slots.has(key(1))]).toEqual([true, false]);
  });
});

describe('an emulated network', () => {
  test('delays every frame by so many ticks, except those that begin a batch', () => {
    expect(readBy(emulated({ delay: 2, loss: 0, seed: 1 }, 2), 6)).toEqual([0, 0, 0, 1, 2, 3]);
    expect(readBy(emulated({ delay: 0, loss: 0, seed: 1 }, 0), 4)).toEqual([0, 1, 2, 3]);
  });

  test('loses a share of them, for which older ones are read within the bound', () => {
    const read = readBy(emulated({ delay: 1, loss: 0.5, seed: 1 }, 3), 400);
    expect(readBy(emulated({ delay: 1, loss: 0.5, seed: 1 }, 3), 400)).toEqual(read);
    expect(readBy(emulated({ delay: 1, loss: 0.5, seed: 2 }, 3), 400)).not.toEqual(read);
    const ages = read.map((tick, t) => t - tick).slice(3);
    expect([Math.min(...ages), Math.max(...ages)]).toEqual([1, 3]);
    const late = ages.filter((age) => age > 1).length / ages.length;
    expect(late).toBeGreaterThan(0.4);
    expect(late).toBeLessThan(0.6);
    expect(read.every((tick, t) => t === 0 || tick >= (read[t - 1] ?? 0))).toBe(true);
  });
});

test('frames are lost by their batch: a run that is resumed loses the same ones, whatever its calls are', () => {
  const read = (callIndex: number, batch: number): number[] => {
    const slots = new Slots(new Set([3]), emulated({ delay: 0, loss: 0.5, seed: 1 }, 4));
    slots.begin({ callIndex, position: { batch, batches: 9 } });
    for (let tick = 0; tick < 50; tick++) slots.put(frame(tick, callIndex));
    return Array.from({ length: 50 }, (_, tick) => slots.take(key(tick, 3, callIndex))?.tick ?? -1);
  };
  expect(read(0, 7)).toEqual(read(9, 7));
  expect(read(0, 7)).not.toEqual(read(0, 8));
});

test('ticks that were read out of turn are told when a call ends, and can be read once more the same way', () => {
  const slots = new Slots(new Set([3]), emulated({ delay: 1, loss: 0, seed: 1 }, 1));
  for (let tick = 0; tick < 3; tick++) slots.put(frame(tick));
  const read = [0, 1, 2].map((tick) => slots.take(key(tick))?.tick);
  const taken: readonly Taken[] = slots.end({ callIndex: 0 });
  expect(taken).toEqual([
    { message: 3, microbatch: 0, tick: 1, taken: 0 },
    { message: 3, microbatch: 0, tick: 2, taken: 1 },
  ]);
  expect(readBy(asTaken(taken), 3)).toEqual(read);
  expect(slots.end({ callIndex: 0 })).toEqual([]);
});

test('messages in the ticks of a training are free, and no others', () => {
  const segment = (id: number) => ({ receive: [id], send: [id + 100] });
  const stage = (repeat: number, id: number) => {
    return { ...{ name: 's', repeat, firstTick: 0, begin: [], next: [], end: [] }, segments: [segment(id)] };
  };
  const f = (name: string, id: number) => {
    return { ...{ name, batch: 1, inputs: [], results: [] }, stages: [stage(1, id), stage(5, id + 1)] };
  };
  expect([...freeMessages({ functions: [f('train', 1), f('predict.a', 5)] })]).toEqual([2, 102]);
});

test('a newer frame may be sent instead of an older one of the same part, except for the first', () => {
  const free = new Set([3]);
  expect(supersedes(key(4), key(2), free)).toBe(true);
  expect(supersedes(key(2), key(4), free)).toBe(false);
  expect(supersedes(key(4), key(0), free)).toBe(false);
  expect(supersedes(key(4, 7), key(2, 7), free)).toBe(false);
  expect(supersedes(key(4, 3, 1), key(2, 3, 0), free)).toBe(false);
});
