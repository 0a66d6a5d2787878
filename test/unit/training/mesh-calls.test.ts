/** Calls of a run, one by one, and where its shards save. */
import { describe, expect, test } from 'vitest';
import {
  allCalls,
  batchesOf,
  callAt,
  callsPerEpoch,
  endsEpoch,
  isCut,
  lastChange,
  snapshotsPerEpoch,
} from '../../../runtime/training/calls.ts';

const column = { name: 'y', type: 'i32' as const, shape: [], blobs: [] };
const evaluation = { check: 'c', metric: 'accuracy', comparison: '>=', bound: 0, function: 'p', read: 'y', field: 'y' };
const set = (length: number) => ({ name: 'some', length, columns: [column] });

/** Ten samples in batches of four: two and a rest; then two checks of three batches and one; twice. */
const run = {
  train: set(10),
  checks: [set(5), set(2)],
  batch: 4,
  evaluations: [
    { ...evaluation, batch: 2 },
    { ...evaluation, batch: 2 },
  ] as never,
  epochs: 2,
  snapshotEvery: 1,
};
const PER_EPOCH = 2 + 3 + 1;
const behind = Array.from({ length: 2 * PER_EPOCH + 1 }, (_, calls) => calls);

describe('the calls of a run', () => {
  test('are its whole batches, then those of its checks, epoch after epoch', () => {
    expect([batchesOf(run), callsPerEpoch(run), allCalls(run)]).toEqual([2, PER_EPOCH, 2 * PER_EPOCH]);
    const words = behind.slice(0, -1).map((n) => {
      const call = callAt(run, n);
      return `${call.epoch} ${call.kind === 'train' ? 'train' : `check ${call.evaluation}`} ${call.batch}`;
    });
    const epoch = (n: number): string[] =>
      ['train 0', 'train 1', 'check 0 0', 'check 0 1', 'check 0 2', 'check 1 0'].map((word) => `${n} ${word}`);
    expect(words).toEqual([...epoch(0), ...epoch(1)]);
  });

  test('are cut after every so many batches and after an epoch, never before or within its checks', () => {
    expect(behind.filter((calls) => isCut(run, calls))).toEqual([1, 6, 7, 12]);
    expect(behind.filter((calls) => isCut({ ...run, snapshotEvery: 2 }, calls))).toEqual([6, 12]);
    expect(behind.filter((calls) => isCut({ ...run, snapshotEvery: 100 }, calls))).toEqual([6, 12]);
  });

  test('include as many snapshots in an epoch as are counted for it', () => {
    for (const snapshotEvery of [1, 2, 3, 100]) {
      const cuts = behind.slice(1, PER_EPOCH + 1).filter((calls) => isCut({ ...run, snapshotEvery }, calls));
      expect(snapshotsPerEpoch({ ...run, snapshotEvery }), `every ${snapshotEvery}`).toBe(cuts.length);
    }
  });

  test('change no weights in a check', () => {
    expect(behind.map((calls) => lastChange(run, calls))).toEqual([0, 1, 2, 2, 2, 2, 2, 7, 8, 8, 8, 8, 8]);
  });

  test('end an epoch after its last check', () => {
    expect(behind.filter((calls) => endsEpoch(run, calls))).toEqual([6, 12]);
  });
});
