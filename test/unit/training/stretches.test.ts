/** Where the stretches of a run begin and end: at snapshots, and every so many batches in between. */
import { expect, test } from 'vitest';
import { allCalls } from '../../../runtime/training/calls.ts';
import { endsStretch, type StretchedRun, stretchBegin, stretchEnd } from '../../../runtime/training/stretches.ts';

/** Seven batches and three calls of an evaluation, twice. */
const flat: StretchedRun = {
  ...{ train: { length: 28 }, batch: 4, epochs: 2, snapshotEvery: 5, stretches: { batches: 2 } },
  ...{ evaluations: [{ function: 'predict.a', metric: 'error', batch: 3 }], checks: [{ length: 7 }] },
};
/** Four batches of three steps, and four calls of an evaluation that remembers. */
const steps: StretchedRun = {
  ...{ train: { length: 16 }, batch: 4, sequence: 3, epochs: 1, snapshotEvery: 100, stretches: { batches: 2 } },
  evaluations: [{ function: 'predict.a', metric: 'error', batch: 3, sequence: 2, remembers: true }],
  checks: [{ length: 6 }],
};
const ends = (run: StretchedRun): number[] =>
  Array.from({ length: allCalls(run) + 1 }, (_, calls) => calls).filter((calls) => endsStretch(run, calls));

test('stretches end after every so many batches of an epoch, at snapshots and after the epoch', () => {
  expect(ends(flat)).toEqual([2, 4, 5, 6, 10, 12, 14, 15, 16, 20]);
});

test('stretches cut no sequence in two, and evaluations belong to the stretch before them', () => {
  expect(ends(steps)).toEqual([6, 16]);
});

test('a run without a length of stretches ends one after each call that changes a state', () => {
  const { stretches: _flat, ...old } = flat;
  const { stretches: _steps, ...oldSteps } = steps;
  expect(ends(old)).toEqual([1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14, 15, 16, 17, 20]);
  expect(ends(oldSteps)).toEqual(Array.from({ length: 16 }, (_, i) => i + 1));
});

test('a call lies between the ends around it, and a term begins a stretch', () => {
  const calls = Array.from({ length: allCalls(flat) }, (_, call) => call);
  for (const call of calls) {
    const [from, to] = [stretchBegin(flat, call, 0), stretchEnd(flat, call)];
    expect(from <= call && call < to, `${from} ${call} ${to}`).toBe(true);
    expect([0, ...ends(flat)]).toContain(from);
    expect(ends(flat)).toContain(to);
    expect(ends(flat).filter((end) => end > from && end < to)).toEqual([]);
  }
  expect(stretchBegin(flat, 9, 0)).toBe(6);
  expect(stretchBegin(flat, 9, 8)).toBe(8);
});
