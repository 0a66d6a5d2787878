/** The training loop on a shard that only writes down what it is asked. */
import { expect, test } from 'vitest';
import { memoryDataset } from '../../../runtime/data/dataset.ts';
import type { Position, Tensor } from '../../../runtime/device/device.ts';
import type { Shard } from '../../../runtime/shard/shard.ts';
import { type TrainingOptions, train } from '../../../runtime/shard/training.ts';
import type { Plan, PlanTraining } from '../../../spec/plan.ts';

const data = memoryDataset('d', 'd', [
  { field: { name: 'x', type: 'f32', shape: [2, 1] }, data: Float32Array.from({ length: 10 }, (_, i) => i) },
]);
const nothing = (): void => undefined;

interface Asked {
  readonly name: string;
  readonly position: Position;
}

function optionsWith(training: Partial<PlanTraining>, energy: (call: number) => number) {
  const asked: Asked[] = [];
  const run = async (name: string, _: unknown, position: Position): Promise<Record<string, Tensor>> => {
    asked.push({ name, position });
    return { 'energy.h1': Float32Array.of(energy(asked.length)) };
  };
  const shard = { run, save: async () => ({ parameters: [], auxiliary: [] }) } as unknown as Shard;
  const field = { name: 'x', type: 'f32' as const, shape: [1], steps: 2 };
  const whole = { task: 't', rule: '', data: {}, batch: 2, epochs: 2, inputs: [field], ...training } as PlanTraining;
  const reports: unknown[] = [];
  const options: TrainingOptions = {
    plan: { training: whole, checks: [], predictions: [] } as unknown as Plan,
    ...{ training: whole, shard, data: { train: data, checks: [] }, epochs: 2, seed: 1 },
    run: {
      directory: 'runs/x',
      resumedFrom: { epoch: 0, batch: 0, totals: {} },
      finishEpoch: nothing,
      saveSnapshot: nothing,
    },
    stopRequested: () => false,
    observer: { epochStarted: nothing, batchDone: nothing, measuring: nothing, epochDone: (r) => reports.push(r) },
    now: () => 0,
  };
  return { options, asked, reports };
}

test('an energy that is not finite names the node, the tick, the batch and what remains', async () => {
  const { options } = optionsWith({ ticks: 8 }, (call) => (call === 4 ? Number.NaN : 1));
  await expect(train(options)).rejects.toThrow(
    'energy of node h1 is no longer a finite number after tick 8, the last, of batch 2 of epoch 2',
  );
});

test('steps of a sequence are updates of their own, and count as their share of the samples', async () => {
  const { options, asked, reports } = optionsWith({ sequence: 2 }, (call) => call);
  expect(await train(options)).toMatchObject({ kind: 'done' });
  expect(asked.map((a) => a.position)).toEqual(
    Array.from({ length: 8 }, (_, n) => ({ batch: n, batches: 8, step: n % 2 })),
  );
  expect(reports).toMatchObject([
    { epoch: 1, energy: 2.5, leftOut: 1 },
    { epoch: 2, energy: 6.5, leftOut: 1 },
  ]);
});

test('energies of sequences are those of whole samples, even where their shares do not add up exactly', async () => {
  const { options, reports } = optionsWith({ sequence: 7 }, () => 1);
  await train(options);
  const shares = Array.from({ length: 14 }, () => 2 / 7).reduce((sum, share) => sum + share, 0);
  expect(shares).not.toBe(4);
  expect(reports[0]).toMatchObject({ energy: shares / 4 });
});
