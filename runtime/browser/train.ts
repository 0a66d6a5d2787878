/** Trains a compiled plan in a page, on data that it makes, with the browser's own WebGPU. */
import { TRAIN } from '../../spec/names.ts';
import { statisticsOf } from '../data/statistics.ts';
import type { Device } from '../device/device.ts';
import { openGpu, requestAdapter } from '../device/webgpu/gpu.ts';
import { openSession } from '../device/webgpu/session.ts';
import type { VerifyProgram } from '../plan/verify-plan.ts';
import { openShard } from '../shard/shard.ts';
import { assertDropsLast, assertLabels, assertTrainable } from '../shard/trainable.ts';
import { train } from '../shard/training.ts';
import { EnvironmentError, UserError } from '../support/errors.ts';
import type { EpochReport } from '../training/epoch-report.ts';
import { fetchPlan } from './fetch-plan.ts';
import { type PageDataSettings, pageData } from './page-data.ts';

// The feed gives others a turn as Node does it.
const scope = globalThis as { setImmediate?: unknown };
scope.setImmediate ??= (work: () => void): void => {
  setTimeout(work, 0);
};

export interface PageSettings extends PageDataSettings {
  /** Address of the plan's folder, with the `/` at its end. */
  readonly plan: string;
  readonly epochs: number;
}

/** @param verify what a compiler knows of a program @param report after every epoch @returns the device, for people */
export async function trainInPage(
  settings: PageSettings,
  verify: VerifyProgram,
  report: (epoch: EpochReport) => void,
): Promise<string> {
  const { plan, executable } = await fetchPlan(settings.plan, verify);
  const { training } = plan;
  if (!training) throw new UserError('task/none', 'this plan has no training');
  assertDropsLast(training, 'in a page');
  const { seed, epochs } = settings;
  const data = pageData(plan, training, settings);
  assertLabels(plan, training, data);
  assertTrainable(plan, training, data);
  const device = await pageDevice();
  const statistics = statisticsOf(executable.program.states, data.train);
  const shard = await openShard(device, executable, () => ({ seed, statistics }), TRAIN);
  const nothing = (): void => undefined;
  try {
    await train({
      ...{ plan, training, shard, data, epochs, seed },
      // A page keeps no run: what it has trained is gone with it.
      run: { directory: 'nothing', resumedFrom: NOT_BEGUN, finishEpoch: nothing, saveSnapshot: nothing },
      stopRequested: () => false,
      observer: { epochStarted: nothing, batchDone: nothing, measuring: nothing, epochDone: report },
      now: () => performance.now(),
    });
  } finally {
    await shard.close();
  }
  return device.description;
}

const NOT_BEGUN = { epoch: 0, batch: 0, totals: {} };

/** The browser's GPU. @throws EnvironmentError `device/none` without one */
export async function pageDevice(): Promise<Device> {
  if (!('gpu' in navigator))
    throw new EnvironmentError('device/none', 'this browser has no WebGPU', 'use a newer browser');
  const adapter = await requestAdapter(navigator.gpu);
  if (!adapter) throw new EnvironmentError('device/none', 'this browser offers no GPU', 'install a driver');
  const gpu = await openGpu(adapter);
  return { name: 'webgpu', description: gpu.description, open: ({ files }) => openSession(gpu, files) };
}
