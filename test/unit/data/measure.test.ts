/** Checks over reads that are not finite numbers. */
import { expect, test } from 'vitest';
import { memoryDataset } from '../../../runtime/data/dataset.ts';
import { measure } from '../../../runtime/shard/evaluate.ts';
import type { Shard } from '../../../runtime/shard/shard.ts';
import { holds } from '../../../runtime/training/metrics.ts';
import type { PlanCheck, PlanPrediction } from '../../../spec/plan.ts';

const prediction = {
  task: 'classify',
  function: 'predict.classify',
  batch: 2,
  inputs: [],
  reads: [],
} as unknown as PlanPrediction;
const check = (metric: string, comparison: string): PlanCheck =>
  ({ read: 'label', field: 'label', metric, comparison, bound: 0, text: '' }) as unknown as PlanCheck;
const data = memoryDataset('d', 'd', [{ field: { name: 'label', type: 'i32', shape: [] }, data: Int32Array.of(0, 0) }]);
const shardOf = (results: Record<string, Float32Array>): Shard =>
  ({ run: () => Promise.resolve(results) }) as unknown as Shard;

test('the accuracy of classes that were chosen from numbers that are not finite is not a number, and passes no bound', async () => {
  const scores = Float32Array.of(Number.NaN, Number.NaN, 1, 0);
  const shard = shardOf({ label: Float32Array.of(0, 0), 'label.scores': scores });
  const value = await measure(shard, prediction, check('accuracy', '>='), data);
  expect(value).toBeNaN();
  for (const comparison of ['>=', '>', '<=', '<', '=='])
    expect(holds(check('accuracy', comparison), value)).toBe(false);
});

test('an error over values that are not finite is not a number, and over numbers it is what it was', async () => {
  const infinite = shardOf({ label: Float32Array.of(0, Infinity) });
  expect(await measure(infinite, prediction, check('error', '<='), data)).toBeNaN();
  const sound = shardOf({ label: Float32Array.of(0, 2), 'label.scores': Float32Array.of(1, 0, 0, 1) });
  expect(await measure(sound, prediction, check('error', '<='), data)).toBe(2);
});
