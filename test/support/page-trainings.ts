/** Put into a page by a test: trains plans that lie beside the page on the browser's own WebGPU. */
import { fetchPlan } from '../../runtime/browser/fetch-plan.ts';
import { pageDevice } from '../../runtime/browser/train.ts';
import { verifyForeign } from '../../runtime/cli/planning/verify-foreign.ts';
import { trainInPage } from '../../runtime/cli/training/page.ts';
import type { Device } from '../../runtime/device/device.ts';
import { UserError } from '../../runtime/support/errors.ts';
import type { EpochReport } from '../../spec/run-events.ts';
import { type SmallTraining, trainSmall } from './small-training.ts';

let device: Promise<Device> | undefined;

export async function trainPlan(base: string, batches: number): Promise<SmallTraining> {
  device ??= pageDevice();
  const { executable } = await fetchPlan(base, verifyForeign);
  return trainSmall(await device, executable, batches);
}

type PageSettings = Parameters<typeof trainInPage>[0];

/** Report of a whole training of the page, or the code by which the page refuses it. */
export async function reportsOf(settings: PageSettings): Promise<EpochReport[] | string> {
  const reports: EpochReport[] = [];
  try {
    await trainInPage(settings, (report) => reports.push(report));
    return reports;
  } catch (error) {
    if (error instanceof UserError) return error.code;
    throw error;
  }
}

Object.assign(globalThis, { trainPlan, reportsOf });
