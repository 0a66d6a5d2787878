/** Checks over reads that are not finite numbers. */
import { expect, test } from 'vitest';
import { memoryDataset } from '../../../runtime/data/dataset.ts';
import { runChecks } from '../../../runtime/shard/checks.ts';
import { measure } from '../../../runtime/shard/evaluate.ts';
import type { Shard } from '../../../runtime/shard/shard.ts';
import { holds } from '../../../runtime/training/metrics.ts';
import type { Plan, PlanCheck, PlanPrediction } from '../../../spec/plan.ts';

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

test('checks of one task on one set are measured by predicting once, each as it is alone', async () => {
  let runs = 0;
  const results = { label: Float32Array.of(0, 2), other: Float32Array.of(0, Number.NaN) };
  const run = async (): Promise<typeof results> => {
    runs++;
    return results;
  };
  const shard = { run } as unknown as Shard;
  const of = (text: string, metric: string, more: object = {}): PlanCheck =>
    ({ ...check(metric, '>='), text, task: 'classify', data: { source: 'd' }, ...more }) as PlanCheck;
  const checks = [
    of('mse', 'mse'),
    of('elsewhere', 'mae', { data: { source: 'e' } }),
    of('nan', 'mae', { read: 'other' }),
    of('accuracy', 'accuracy'),
    of('known', 'accuracy'),
  ];
  const plan = { checks, predictions: [prediction] } as unknown as Plan;
  const known = [{ check: 'known', value: 0.25, pass: true }];
  const found = await runChecks(plan, shard, [data, data, data, data, data], undefined, known);
  expect(found.map(({ check: text, value }) => [text, value])).toEqual([
    ['mse', 2],
    ['elsewhere', 1],
    ['nan', Number.NaN],
    ['accuracy', 0.5],
    ['known', 0.25],
  ]);
  expect(runs).toBe(2);
});
