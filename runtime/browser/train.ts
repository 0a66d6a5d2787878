/** Trains a compiled plan in a page, on digits that it draws, with the browser's own WebGPU. */
import type { Plan, PlanTraining } from '../../spec/plan.ts';
import type { Dataset } from '../data/dataset.ts';
import { feedBatches } from '../data/feed.ts';
import { batchCount } from '../data/order.ts';
import { statisticsOf } from '../data/statistics.ts';
import type { Device, FieldData } from '../device/device.ts';
import { openGpu, requestAdapter } from '../device/webgpu/gpu.ts';
import { openSession } from '../device/webgpu/session.ts';
import { predictionOf } from '../shard/checks.ts';
import { measure } from '../shard/evaluate.ts';
import { openShard, type Shard } from '../shard/shard.ts';
import { addResults, emptyTotals } from '../shard/totals.ts';
import { EnvironmentError, UserError } from '../support/errors.ts';
import { drawDigits } from './digits.ts';
import { fetchPlan } from './fetch-plan.ts';

// The feed gives others a turn as Node does it.
const scope = globalThis as { setImmediate?: unknown };
scope.setImmediate ??= (work: () => void): void => {
  setTimeout(work, 0);
};

export interface PageSettings {
  /** Address of the plan's folder, with the `/` at its end. */
  readonly plan: string;
  readonly epochs: number;
  readonly seed: number;
  /** Digits to train on, and to measure on. */
  readonly samples: number;
  readonly tests: number;
}

export interface PageEpoch {
  readonly epoch: number;
  /** Per sample, summed over the nodes. */
  readonly energy: number;
  /** Of the model's first accuracy check; null where it has none. */
  readonly accuracy: number | null;
  readonly seconds: number;
}

/** @param report after every epoch @returns the device, for people */
export async function trainInPage(settings: PageSettings, report: (epoch: PageEpoch) => void): Promise<string> {
  const { plan, executable } = await fetchPlan(settings.plan);
  const { training } = plan;
  if (!training) throw new UserError('task/none', 'this plan trains nothing');
  if (training.data.source !== 'glyphs')
    throw new UserError('data/page', `a page draws digits itself; this plan wants data.${training.data.source}`);
  const data = drawDigits('train', settings.seed, settings.samples);
  const device = await pageDevice();
  const statistics = statisticsOf(executable.program.states, data);
  const shard = await openShard(device, executable, () => ({ seed: settings.seed, statistics }), 'train');
  try {
    for (let epoch = 0; epoch < settings.epochs; epoch++)
      report(await trainEpoch(plan, training, shard, data, epoch, settings));
  } finally {
    await shard.close();
  }
  return device.description;
}

/** The browser's GPU. @throws EnvironmentError `device/none` without one */
export async function pageDevice(): Promise<Device> {
  if (!('gpu' in navigator))
    throw new EnvironmentError('device/none', 'this browser has no WebGPU', 'use a newer browser');
  const adapter = await requestAdapter(navigator.gpu);
  if (!adapter) throw new EnvironmentError('device/none', 'this browser offers no GPU', 'install a driver');
  const gpu = await openGpu(adapter);
  return { name: 'webgpu', description: gpu.description, open: ({ files }) => openSession(gpu, files) };
}

async function trainEpoch(
  plan: Plan,
  training: PlanTraining,
  shard: Shard,
  data: Dataset,
  epoch: number,
  settings: PageSettings,
): Promise<PageEpoch> {
  const { seed, epochs } = settings;
  const order = { seed, batch: training.batch, epochs: epoch + 1, dropLast: true };
  const batches = batchCount(data.length, training.batch, true);
  const names = training.inputs.map((i) => i.name);
  const totals = emptyTotals();
  const begin = performance.now();
  for await (const batch of feedBatches(data, order, names, { epoch, batch: 0 })) {
    const position = { batch: epoch * batches + batch.batch, batches: epochs * batches };
    const running = shard.run('train', batch.fields as Record<string, FieldData>, position);
    batch.release();
    addResults(totals, await running, training.batch, { epoch, batch: batch.batch, directory: 'this page' });
  }
  const seconds = (performance.now() - begin) / 1000;
  const energy = Object.values(totals.energy).reduce((sum, e) => sum + e, 0) / Math.max(1, totals.samples);
  return { epoch: epoch + 1, energy, accuracy: await accuracyOf(plan, shard, settings), seconds };
}

async function accuracyOf(plan: Plan, shard: Shard, { seed, tests }: PageSettings): Promise<number | null> {
  const check = plan.checks.find((c) => c.metric === 'accuracy' && c.data.source === 'glyphs');
  const prediction = check && predictionOf(plan, check);
  if (!check || !prediction) return null;
  return measure(shard, prediction, check, drawDigits('test', seed, tests));
}
