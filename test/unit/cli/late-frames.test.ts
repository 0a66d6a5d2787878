/** The network of `nmc train --schedule async`: what it needs, and what cannot be. */
import { expect, test } from 'vitest';
import { lateFrames, networkOf, staleBy } from '../../../runtime/cli/training/late-frames.ts';
import type { TrainArguments } from '../../../runtime/cli/training/options.ts';
import type { PlanTraining } from '../../../spec/plan.ts';

const training = (staleness?: number): PlanTraining => ({
  ...{ task: 't', rule: 'IL, 8 ticks', batch: 4, epochs: 1, inputs: [] },
  data: { source: 'glyphs', split: 'train', fields: [], options: {} },
  ...(staleness !== undefined && { async: { staleness } }),
});
const args = (given: Partial<Pick<TrainArguments, 'delay' | 'loss'>>) => ({
  delay: undefined,
  loss: undefined,
  ...given,
});

test('frames are as late as they may be, unless the command says how late', () => {
  expect(networkOf(args({}), training(3))).toEqual({ delay: 3, loss: 0 });
  expect(networkOf(args({ delay: 1, loss: 0.05 }), training(3))).toEqual({ delay: 1, loss: 0.05 });
  expect(networkOf(args({}), training())).toBeUndefined();
});

test('the bound is what the network needs, unless it is named', () => {
  expect([staleBy(args({})), staleBy(args({ delay: 2 })), staleBy(args({ delay: 2, loss: 0.1 }))]).toEqual([0, 2, 6]);
});

test('frames that are later than they may be, and late ones in another schedule, are refused', () => {
  expect(() => networkOf(args({ delay: 4 }), training(3))).toThrow('every tick would wait');
  expect(() => networkOf(args({ loss: 0 }), training())).toThrow(
    '--loss: frames are late or lost in the schedule async',
  );
});

test('a neighbour that is later than it may be is absent, where the schedule has it: what it said last stays', () => {
  const leaving = { ...training(1), async: { staleness: 1, late: 'absent' } } as const;
  expect(networkOf(args({ delay: 4 }), leaving)).toEqual({ delay: 4, loss: 0 });
  const slot = { newest: 9, batch: 0, has: () => true };
  const key = { message: 0, callIndex: 0, microbatch: 0, tick: 9 };
  expect(lateFrames(leaving, { delay: 4, loss: 0 }, 1)?.choose(key, slot)).toBe(5);
  expect(lateFrames(training(4), { delay: 4, loss: 1 }, 1)?.choose(key, slot)).toBe(5);
  expect(lateFrames(leaving, { delay: 4, loss: 1 }, 1)?.choose(key, slot)).toBe(0);
});

test('a training of another schedule reads frames of the same tick', () => {
  expect(lateFrames(training(), undefined, 1)).toBeUndefined();
  expect(lateFrames(training(2), { delay: 2, loss: 0 }, 1)?.replaces).toBe(false);
});
