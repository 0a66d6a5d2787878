/** A manifest: parts of all shards behind the same call, the sums of an epoch, and what is kept. */
import { describe, expect, test } from 'vitest';
import { manifestOf } from '../../../runtime/roles/manifest.ts';
import { type PendingPart, type RunState, runFrom, UNTROUBLED } from '../../../runtime/roles/synchronizer-state.ts';
import { holds, measured } from '../../../runtime/training/metrics.ts';
import { comparedIn, summed } from '../../../runtime/training/totals.ts';
import { checkedChain } from '../../mesh/hostile/role-driver.ts';

/** Four batches and a check an epoch, two epochs. */
const deployment = checkedChain();
const part = (letter: string, totals: Record<string, number>): PendingPart => {
  return { blob: letter, hash: `hash ${letter}`, totals, signature: '', verified: true };
};

function runWith(parts: RunState['parts'], more: Partial<RunState> = {}): RunState {
  const nothing = { instances: {}, manifests: [], rows: [], checks: [], reason: '', ...UNTROUBLED };
  const stored = {
    deployment,
    hash: '',
    phase: 'running',
    term: 1,
    owners: ['a', 'b'],
    created: 0,
    ...nothing,
  } as const;
  return { ...runFrom(stored, 1000), parts, ...more };
}

const ENERGIES: readonly Record<string, number>[] = [{ 'energy.n0': 8 }, { 'energy.n1': 4 }];
const both = (calls: number, totals: readonly Record<string, number>[] = ENERGIES): RunState['parts'] => {
  return { [calls]: { 0: part('p', totals[0] ?? {}), 1: part('q', totals[1] ?? {}) } };
};

describe('a manifest', () => {
  test('names the blobs of all shards and sums what each has reported', () => {
    const { run, events } = manifestOf(runWith(both(2)), 2, 3000);
    expect(run.manifests).toEqual([
      {
        calls: 2,
        parts: ['p', 'q'],
        totals: { 'energy.n0': 8, 'energy.n1': 4 },
        byShard: [
          { hash: 'hash p', totals: { 'energy.n0': 8 } },
          { hash: 'hash q', totals: { 'energy.n1': 4 } },
        ],
        milliseconds: 2000,
      },
    ]);
    expect(events).toEqual([{ event: 'manifest', calls: 2 }]);
    expect(run).toMatchObject({ clock: 3000, manifestAt: 3000, trained: [['a'], ['b']] });
  });

  test('adds to its time within an epoch, and begins anew with the next one', () => {
    const first = manifestOf(runWith(both(2)), 2, 3000).run;
    const second = manifestOf({ ...first, parts: both(4) }, 4, 3500).run;
    expect(second.manifests.at(-1)?.milliseconds).toBe(2500);
    const end = manifestOf({ ...second, parts: both(5) }, 5, 4000).run;
    expect(end.manifests.at(-1)?.milliseconds).toBe(3000);
    expect(manifestOf({ ...end, parts: both(7) }, 7, 5000).run.manifests.at(-1)?.milliseconds).toBe(1000);
  });

  test('is kept beside the one before it, and later parts stay', () => {
    let run = runWith({ ...both(2), ...both(4) });
    run = manifestOf(run, 2, 1).run;
    expect(Object.keys(run.parts)).toEqual(['4']);
    run = manifestOf(run, 4, 2).run;
    run = manifestOf({ ...run, parts: both(5) }, 5, 3).run;
    expect(run.manifests.map((m) => m.calls)).toEqual([4, 5]);
  });

  test('reports energies by sample and the checks at the end of an epoch', () => {
    const totals: Record<string, number>[] = [{ 'energy.n0': 8, 'sum.0': 1, 'count.0': 2 }, { 'energy.n1': 4 }];
    const { run, events } = manifestOf(runWith(both(5, totals)), 5, 3000);
    const row = { epoch: 1, energy: 3, energyByNode: { n0: 2, n1: 1 }, accuracy: 0.5, seconds: 2, samplesPerSecond: 2 };
    expect(run.rows).toEqual([row]);
    expect(run.checks).toEqual([{ check: 'accuracy(p.y) >= 0.5', value: 0.5, pass: true }]);
    expect(run.phase).toBe('running');
    expect(events).toEqual([
      { event: 'manifest', calls: 5 },
      { event: 'epoch', ...row },
    ]);
  });

  test('of the last call leaves a run with checks to be checked, and finishes one without', () => {
    expect(manifestOf(runWith(both(10)), 10, 2000).run.phase).toBe('checking');
    const unchecked = { ...deployment, evaluations: [], checks: [] };
    const { run, events } = manifestOf(runWith(both(8), { deployment: unchecked }), 8, 2000);
    expect(run.phase).toBe('done');
    expect(events.at(-1)).toMatchObject({ event: 'done', accuracy: null, seconds: 1, checks: [] });
  });
});

describe('sums', () => {
  test('add up by name', () => expect(summed([{ a: 1, b: 2 }, {}, { b: 3 }])).toEqual({ a: 1, b: 5 }));

  test('give a mean over what was counted, and 0 where nothing was', () => {
    expect(measured({ metric: 'error' }, comparedIn({ 'sum.1': 3, 'count.1': 4 }, 1))).toBe(0.75);
    expect(measured({ metric: 'error' }, comparedIn({}, 0))).toBe(0);
  });

  test.each([
    ['>=', 1, 1, true],
    ['>', 1, 1, false],
    ['<=', 1, 1, true],
    ['<', 1, 1, false],
    ['==', 1, 1, true],
    ['==', 2, 1, false],
    ['>=', Number.NaN, 1, false],
  ] as const)('hold a bound: %s of %d and %d is %s', (comparison, value, bound, expected) => {
    expect(holds({ comparison, bound }, value)).toBe(expected);
  });
});
