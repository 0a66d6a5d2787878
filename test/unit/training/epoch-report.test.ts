/** The report of an epoch is made from sums. */
import { expect, test } from 'vitest';
import { epochReport, learningNothing, metricsOf } from '../../../runtime/training/epoch-report.ts';
import type { Evaluation } from '../../../runtime/training/evaluations.ts';

test('a node whose error is below the epsilon of the optimiser learns nothing', () => {
  const energies = { a: 0.5, b: 4e-17, c: 8e-17, d: 0 };
  expect(learningNothing(energies, 1e-8)).toEqual(['b', 'd']);
  expect(learningNothing(energies, 1.2e-8)).toEqual(['b', 'd']);
  expect(learningNothing(energies)).toEqual(['d']);
});

const evaluation = (metric: string, of?: 'validation'): Evaluation => ({
  ...{ check: metric, metric, comparison: '>=', bound: 0, function: 'predict.p', read: 'r', field: 'f', batch: 2 },
  ...(of === undefined ? {} : { of }),
});

test('a report has the first accuracy, the validation, the samples left out, and energies for each sample', () => {
  const evaluations = [evaluation('error'), evaluation('accuracy'), evaluation('accuracy', 'validation')];
  const run = { train: { length: 7 }, batch: 3, evaluations, epsilon: 1e-8 };
  const totals = { 'energy.a': 12, 'energy.b': 0, 'sum.1': 1 };
  const report = epochReport(run, { epoch: 2, totals, seconds: 3, values: [9, 0.5, 0.25] });
  expect(report).toEqual({
    ...{ epoch: 2, energy: 2, accuracy: 0.5, seconds: 3, samplesPerSecond: 2, validation: 0.25 },
    ...{ energyByNode: { a: 2, b: 0 }, learnsNothing: ['b'], leftOut: 1 },
  });
  expect(metricsOf(report)).toEqual({
    ...{ epoch: 2, energy: 2, accuracy: 0.5, seconds: 3, samplesPerSecond: 2, validation: 0.25 },
    energyByNode: { a: 2, b: 0 },
  });
});

test('a report leaves out what does not exist, except for an accuracy, which is null', () => {
  const run = { train: { length: 6 }, batch: 3, evaluations: [evaluation('error')] };
  const report = epochReport(run, { epoch: 1, totals: { 'energy.a': 6 }, seconds: 1, values: [9] });
  expect(Object.keys(report)).toEqual(['epoch', 'energy', 'accuracy', 'seconds', 'samplesPerSecond', 'energyByNode']);
  expect(report.accuracy).toBeNull();
});

test('the energy of all nodes is one number, in whatever order their sums come', () => {
  const run = { train: { length: 1 }, batch: 1, evaluations: [] };
  const energies = [
    ['energy.a', 0.1],
    ['energy.b', 0.2],
    ['energy.c', 0.3],
  ] as const;
  const [one, other] = [energies, energies.toReversed()].map((entries) =>
    epochReport(run, { epoch: 1, totals: Object.fromEntries(entries), seconds: 1, values: [] }),
  );
  expect(other?.energy).toBe(one?.energy);
});
