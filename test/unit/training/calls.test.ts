/** The numbers of calls: of batches, steps of sequences and evaluations. */
import { expect, test } from 'vitest';
import {
  allCalls,
  batchesBehind,
  type Call,
  callAt,
  callsOfBatch,
  callsPerEpoch,
  comparedAfter,
  endOfBatch,
  endsEpoch,
  isCut,
  lastChange,
  lastEvaluations,
  positionOf,
  samplesOf,
} from '../../../runtime/training/calls.ts';

const flat = {
  ...{ train: { length: 11 }, batch: 4, epochs: 2, snapshotEvery: 2 },
  ...{ evaluations: [{ function: 'predict.a', metric: 'error', batch: 3 }], checks: [{ length: 7 }] },
};
const steps = {
  ...{ train: { length: 9 }, batch: 4, sequence: 3, epochs: 2, snapshotEvery: 1 },
  evaluations: [
    { function: 'predict.a', metric: 'error', batch: 4, sequence: 2, remembers: true },
    { function: 'predict.b', metric: 'accuracy', batch: 5 },
  ],
  checks: [{ length: 6 }, { length: 6 }],
};
const all = (run: typeof flat | typeof steps): Call[] =>
  Array.from({ length: allCalls(run) }, (_, n) => callAt(run, n));

test('an epoch is its whole batches, then every batch of its evaluations', () => {
  expect(callsPerEpoch(flat)).toBe(5);
  expect(all(flat).slice(5)).toEqual([
    { kind: 'train', epoch: 1, batch: 0 },
    { kind: 'train', epoch: 1, batch: 1 },
    ...[0, 1, 2].map((batch) => ({ kind: 'evaluate', epoch: 1, evaluation: 0, batch })),
  ]);
  expect([1, 2, 3, 4, 5, 6, 7].filter((n) => isCut(flat, n))).toEqual([5]);
  expect([4, 5, 9, 10].filter((n) => endsEpoch(flat, n))).toEqual([5, 10]);
  expect(lastEvaluations(flat)).toBe(7);
  expect([0, 1, 2, 4, 5, 6].map((n) => lastChange(flat, n))).toEqual([0, 1, 2, 2, 2, 6]);
});

test('every step of a sequence is a call of its own, of training and of evaluations', () => {
  expect(callsPerEpoch(steps)).toBe(2 * 3 + 2 * 2 + 2);
  expect(all(steps).slice(0, 12)).toEqual([
    ...[0, 1].flatMap((batch) => callsOfBatch(steps, 0, batch)),
    ...[0, 1].flatMap((batch) => [0, 1].map((step) => ({ kind: 'evaluate', epoch: 0, evaluation: 0, batch, step }))),
    ...[0, 1].map((batch) => ({ kind: 'evaluate', epoch: 0, evaluation: 1, batch })),
  ]);
  expect(samplesOf(steps)).toBeCloseTo(4 / 3);
});

test('a run stops at the end of a batch, after all steps of its sequences', () => {
  expect([0, 1, 2, 3, 4, 7, 8, 9, 11].map((n) => endOfBatch(steps, n))).toEqual([0, 3, 3, 3, 6, 8, 8, 10, 11]);
  expect([1, 2, 5, 6].map((n) => endOfBatch(flat, n))).toEqual([1, 2, 5, 6]);
  // A ranking goes on to its end: no snapshot has its scores.
  const ranked = { ...steps, evaluations: steps.evaluations.map((e) => ({ ...e, metric: 'auc' })) };
  expect([4, 6, 7, 8, 10, 11, 12].map((n) => endOfBatch(ranked, n))).toEqual([6, 6, 10, 10, 10, 12, 12]);
  expect([0, 3, 6, 10, 12, 15].map((n) => batchesBehind(steps, n))).toEqual([0, 1, 2, 2, 0, 1]);
});

test('a snapshot lies between batches, never within a sequence', () => {
  expect([1, 2, 3, 4, 5, 6, 7, 12, 15].filter((n) => isCut(steps, n))).toEqual([3, 12, 15]);
});

test('an evaluation that remembers changes a state, and one that does not changes none', () => {
  expect([5, 6, 7, 10, 11, 12, 13].map((n) => lastChange(steps, n))).toEqual([5, 6, 7, 10, 10, 10, 13]);
});

test('schedules count every step of every batch, and an evaluation has no place in them', () => {
  expect(positionOf(steps, { kind: 'train', epoch: 1, batch: 1, step: 2 })).toEqual({
    batch: 11,
    batches: 12,
    step: 2,
  });
  expect(positionOf(flat, { kind: 'train', epoch: 1, batch: 1 })).toEqual({ batch: 3, batches: 4 });
  expect(positionOf(steps, { kind: 'evaluate', epoch: 1, evaluation: 0, batch: 1, step: 1 })).toEqual({
    ...{ batch: 0, batches: 1, step: 1 },
  });
});

test('an evaluation counts its comparisons by step, and its last batch as far as there are samples', () => {
  expect([2, 3, 4, 5, 6].map((n) => comparedAfter(flat, n, 0, 2))).toEqual([0, 6, 12, 14, 0]);
  // Six sequences of two steps with one element each, four at a time.
  expect([6, 7, 8, 9, 10, 12].map((n) => comparedAfter(steps, n, 0, 2))).toEqual([0, 4, 8, 10, 12, 12]);
  expect([10, 11, 12].map((n) => comparedAfter(steps, n, 1, 1))).toEqual([0, 5, 6]);
});
