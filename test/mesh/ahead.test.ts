/** Batches that begin ahead, over a mesh: what takes longer, who dies and when, changes no bit of what comes out. */

import { expect, test, vi } from 'vitest';
import { cutModel } from '../../compiler/6-partition/cut-model.ts';
import { uniformMachines } from '../../compiler/6-partition/problem.ts';
import { batchFlops } from '../../compiler/6-partition/shards/work.ts';
import { predictRate } from '../../runtime/cli/planning/predict-rate.ts';
import { rated } from '../../runtime/cli/planning/rated-shard.ts';
import { planOf, points, staged } from './chain-model.ts';
import { type HostedOptions, type HostedResult, trainHosted } from './hosted.ts';

vi.setConfig({ testTimeout: 120_000 });

const BATCHES = 7;
const PER_EPOCH = BATCHES + 1;

/** Two epochs of seven batches, each with an evaluation. */
function trained(options: Partial<HostedOptions> & Pick<HostedOptions, 'plan'>): Promise<HostedResult> {
  const usual = { train: points, checks: [points], trainers: 3, epochs: 2, snapshotEvery: 3, seed: 1 };
  return trainHosted({ ...usual, ...options });
}

const outcome = ({ run, states }: HostedResult) => ({
  states,
  rows: run?.rows.map((r) => ({ ...r, seconds: 0, samplesPerSecond: 0 })),
});

test('weights, predicted weights and figures are the same bits, whichever trainer dies or has which shard', async () => {
  const plan = planOf(3, 1);
  const undisturbed = await trained({ plan });
  expect(undisturbed.run).toMatchObject({ phase: 'done', term: 1 });
  expect(undisturbed.run?.rows).toHaveLength(2);
  // Of each epoch's seven batches all but the first begin ahead, on each of three shards.
  expect(undisturbed.ahead).toBe(2 * 6 * 3);
  expect([...undisturbed.states.keys()].filter((name) => /@(even|odd)$/.test(name)).length).toBeGreaterThan(6);
  const expected = outcome(undisturbed);
  expect(outcome(await trained({ plan, seed: 2 }))).toEqual(expected);
  for (const trainers of [1, 2]) expect(outcome(await trained({ plan, trainers }))).toEqual(expected);
  const middle = undisturbed.milliseconds / 2;
  for (const at of [0.6, 0.9, 1.15, 1.4].map((share) => share * middle)) {
    const killed = await trained({ plan, trainers: 4, kills: [{ at, trainer: 1 }] });
    expect(killed.run?.phase, `killed at ${at}`).toBe('done');
    expect(killed.run?.term, `killed at ${at}`).toBeGreaterThan(1);
    expect(outcome(killed), `killed at ${at}`).toEqual(expected);
  }
});

test('a run that is asked to stop stops every shard after the same batch, with the states of an undisturbed run', async () => {
  const plan = planOf(3, 1);
  const undisturbed = await trained({ plan, snapshotEvery: 1 });
  const middle = undisturbed.milliseconds / 2;
  const stopped = new Set<number>();
  for (const share of [0.8, 0.95, 1.1, 1.3]) {
    const { run, manifests } = await trained({ plan, snapshotEvery: 100, stopAt: share * middle, seed: 2 });
    expect(run?.phase).toBe('stopped');
    const calls = run?.manifests.at(-1)?.calls ?? 0;
    stopped.add(calls);
    expect(manifests.get(calls)).toHaveLength(3);
    // Parts are named by their hash. An epoch's evaluation changes no state: its last batch is saved with it.
    const saved = calls % PER_EPOCH === BATCHES ? calls + 1 : calls;
    expect(manifests.get(calls), `behind ${calls} calls`).toEqual(undisturbed.manifests.get(saved));
  }
  expect(stopped.size).toBeGreaterThan(1);
});

test('a run with batches ahead has other weights than one without, and ends sooner', async () => {
  const [ahead, plain] = [await trained({ plan: planOf(3, 1) }), await trained({ plan: planOf(3, 0) })];
  expect(plain.ahead).toBe(0);
  expect(plain.run?.rows[1]?.energy).not.toBe(ahead.run?.rows[1]?.energy);
  expect(plain.run?.rows[1]?.energy ?? 0).toBeCloseTo(ahead.run?.rows[1]?.energy ?? Number.NaN, 1);
  // The way to another shard takes longer than the work: the same batches are over sooner.
  expect(ahead.milliseconds).toBeLessThan(plain.milliseconds);
});

/** Seconds that a shard works on a tick of a microbatch. */
const TICK_WORK = 0.02;

/** By microbatches, each shard on a machine of its own, so many milliseconds from the others and back. */
function busyWith(
  ahead: number,
  microbatches: number,
  roundTrip: number,
): { readonly busy: number; readonly batch: number } {
  const cut = cutModel(staged(microbatches, ahead), uniformMachines(3));
  const shards = cut.kind === 'cut' ? cut.split : [];
  const most = Math.max(...shards.map((s) => batchFlops(s, 'train')));
  const rate = most / (4 * microbatches * TICK_WORK);
  const machine = { cores: 1, memory: 1e12, rate, upload: 0, download: 0, roundTrip: roundTrip / 2 };
  const trainers = shards.map((_, i) => ({
    key: `t${i}`,
    name: `t${i}`,
    capability: { ...machine, machine: `m${i}` },
  }));
  const owners = trainers.map((t) => t.key);
  const found = predictRate(shards.map(rated), owners, trainers);
  return { busy: Math.max(...(found?.busy ?? [])), batch: 1 / (found?.batchesPerSecond ?? 0) };
}

test.each([
  [2, 40],
  [2, 100],
  [4, 100],
])(
  'shards work for a larger part of virtual time: %i microbatches, %i ms there and back',
  (microbatches, roundTrip) => {
    const [plain, ahead] = [busyWith(0, microbatches, roundTrip), busyWith(1, microbatches, roundTrip)];
    expect(ahead.batch).toBeLessThan(0.95 * plain.batch);
    expect(ahead.busy).toBeGreaterThan(1.05 * plain.busy);
  },
);

test('batches ahead gain nothing and lose nothing where frames take no time', () => {
  const [plain, ahead] = [busyWith(0, 4, 0), busyWith(1, 4, 0)];
  expect(ahead.batch).toBeLessThan(1.02 * plain.batch);
});
