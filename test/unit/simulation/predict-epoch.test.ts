/** A dry run predicts a whole epoch: its batches, the parts of its snapshots over each uplink, its evaluations. */
import { expect, test } from 'vitest';
import { predictEpoch } from '../../../runtime/cli/planning/predict-epoch.ts';
import type { RatedTrainer } from '../../../runtime/cli/planning/predict-rate.ts';
import { rated } from '../../../runtime/cli/planning/rated-shard.ts';
import { simulate } from '../../../runtime/simulation/simulation.ts';
import { FREE } from '../../../spec/costs.ts';
import { chain } from '../../mesh/simulated.ts';
import { compileText, splitTiled } from '../../support/shards.ts';
import { SMALL } from './small-model.ts';

const model = compileText(SMALL, 'il');
const shards = splitTiled(model, 2, 1).map(rated);
const states = shards.map(({ state }) => state) as [number, number];
const evaluation = model.program.functions.find((f) => f.role === 'predict');

function trainer(key: string, upload: number, more: Partial<RatedTrainer['capability']> = {}): RatedTrainer {
  const capability = { cores: 2, memory: 1e9, rate: 1e12, upload, download: 0, machine: key, costs: FREE };
  return { key, name: key, capability: { ...capability, ...more } };
}

const run = (samples: number, snapshotEvery: number, checked = 0) => ({
  ...{ train: { length: samples }, batch: 8, epochs: 1, snapshotEvery },
  evaluations: checked > 0 ? [{ function: evaluation?.name ?? '', metric: 'error', batch: 8 }] : [],
  checks: checked > 0 ? [{ length: checked }] : [],
});

test('all shards wait until each uplink has carried the parts of its trainers', () => {
  const trainers = [trainer('a', 1000), trainer('b', 100)];
  const apart = predictEpoch({ shards, owners: ['a', 'b'], trainers }, run(80, 100), 1);
  expect(apart).toMatchObject({ snapshots: 1, evaluationSeconds: 0 });
  expect(apart.snapshotSeconds).toBeCloseTo(Math.max(states[0] / 1000, states[1] / 100));
  expect(apart.seconds).toBeCloseTo(10 + apart.snapshotSeconds);
  expect(apart.samplesPerSecond).toBeCloseTo(80 / apart.seconds);
  const together = predictEpoch({ shards, owners: ['b', 'b'], trainers }, run(80, 100), 1);
  expect(together.snapshotSeconds).toBeCloseTo((states[0] + states[1]) / 100);
});

test('a snapshot is read and hashed twice by its trainer, and answered from the other end', () => {
  const slow = trainer('a', 0, { costs: { ...FREE, stateByte: 1e-3 }, roundTrip: 40 });
  const { snapshotSeconds } = predictEpoch({ shards, owners: ['a', 'a'], trainers: [slow] }, run(80, 100), 1);
  expect(snapshotSeconds).toBeCloseTo(0.04 + 2e-3 * (states[0] + states[1]));
});

test('a part is committed as the end of a stretch, and its bytes come as those of frames', () => {
  const trainers = ['a', 'b'].map((key) =>
    trainer(key, 0, { costs: { ...FREE, commit: 3, recordByte: 1e-3, frameByte: 1e-2 } }),
  );
  const { snapshotSeconds } = predictEpoch({ shards, owners: ['a', 'b'], trainers }, run(80, 100), 1);
  // Both at once.
  expect(snapshotSeconds).toBeCloseTo(3 + 11e-3 * Math.max(...states));
});

test('each snapshot waits for the slowest disk, however many parts it has', () => {
  const trainers = [
    trainer('a', 0, { costs: { ...FREE, flush: 0.5 } }),
    trainer('b', 0, { costs: { ...FREE, flush: 2 } }),
  ];
  const { snapshots, snapshotSeconds } = predictEpoch({ shards, owners: ['a', 'b'], trainers }, run(80, 2), 1);
  expect(snapshotSeconds).toBeCloseTo(2 * snapshots);
});

test('every batch of an evaluation is a call of its own, without the hash of a state', () => {
  const trainers = [trainer('a', 0, { costs: { ...FREE, call: 1, stateByte: 0 } })];
  const placed = { shards, owners: ['a', 'a'], trainers };
  const [one, three] = [8, 24].map((checked) => predictEpoch(placed, run(80, 100, checked), 1).evaluationSeconds);
  expect(one).toBeGreaterThanOrEqual(1);
  expect(three).toBeCloseTo(3 * (one ?? 0));
  const hashed = [trainer('a', 0, { costs: { ...FREE, call: 1, stateByte: 1 } })];
  expect(predictEpoch({ ...placed, trainers: hashed }, run(80, 100, 8), 1).evaluationSeconds).toBeCloseTo(one ?? 0);
});

test('a simulated mesh makes as many snapshots as are predicted', () => {
  const faults = { latency: 20, jitter: 0, loss: 0 };
  for (const snapshotEvery of [4, 5, 100]) {
    const epochs = 3;
    const deployment = chain(2, 20, epochs, snapshotEvery);
    const made = new Set<number>();
    const note = (
      _before: unknown,
      _event: unknown,
      _at: number,
      step: { readonly state: { readonly runs: object } },
    ) => {
      for (const { manifests } of Object.values(step.state.runs) as { manifests: { calls: number }[] }[])
        for (const { calls } of manifests) made.add(calls);
    };
    const result = simulate({ deployment, nodes: 2, seed: 1, faults, call: 30, until: 180_000, note });
    expect(result).toMatchObject({ phase: 'done', violations: [] });
    const trainers = [trainer('a', 0)];
    const { snapshots } = predictEpoch({ shards, owners: ['a', 'a'], trainers }, { ...run(160, snapshotEvery) }, 1);
    expect(made.size, `every ${snapshotEvery}`).toBe(epochs * snapshots);
  }
});
