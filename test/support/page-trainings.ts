/** Put into a page by a test: trains plans that lie beside the page on the browser's own WebGPU. */
import { fetchPlan } from '../../runtime/browser/fetch-plan.ts';
import { pageDevice } from '../../runtime/browser/train.ts';
import { verifyForeign } from '../../runtime/cli/planning/verify-foreign.ts';
import type { Device } from '../../runtime/device/device.ts';
import { type SmallTraining, trainSmall } from './small-training.ts';

let device: Promise<Device> | undefined;

export async function trainPlan(base: string, batches: number): Promise<SmallTraining> {
  device ??= pageDevice();
  const { executable } = await fetchPlan(base, verifyForeign);
  return trainSmall(await device, executable, batches);
}

Object.assign(globalThis, { trainPlan });
