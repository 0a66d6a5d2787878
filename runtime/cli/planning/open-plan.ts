/** A plan for the commands: read and distrusted. */
import { join } from 'node:path';
import type { Plan } from '../../../spec/plan.ts';
import type { Device } from '../../device/device.ts';
import { planFolder } from '../../plan/plan-folder.ts';
import { type VerifiedPlan, verifyPlan } from '../../plan/verify-plan.ts';
import type { ShardSource } from '../../shard/shards.ts';
import { UserError } from '../../support/errors.ts';
import { type Calls, executablesOf } from '../compiling/plan-executables.ts';
import type { Sized } from '../compiling/sized-functions.ts';
import { RUN_PLAN } from '../training/train-settings.ts';
import { verifyForeign } from './verify-foreign.ts';

export function openPlan(folder: string): VerifiedPlan {
  return verifyPlan(planFolder(folder), verifyForeign);
}

/**
 * The plan within a run, with its shards, lowered here for the device.
 * @param calls what the command calls, of the plan as it is or with functions besides; all when absent
 * @throws UserError `plan/…`
 */
export async function openShardsOfRun(
  directory: string,
  device: Device,
  calls?: (loaded: VerifiedPlan) => Sized | Promise<Sized>,
): Promise<{ plan: Plan; sources: ShardSource[] }> {
  return openShardsOf(join(directory, RUN_PLAN), openPlanOfRun(directory), device, calls);
}

/** @param folder of the plan, for people */
export async function openShardsOf(
  folder: string,
  opened: VerifiedPlan,
  device: Device,
  calls?: (loaded: VerifiedPlan) => Sized | Promise<Sized>,
): Promise<{ plan: Plan; sources: ShardSource[] }> {
  const { loaded, ...asked }: Calls & Pick<Sized, 'loaded'> = (await calls?.(opened)) ?? { loaded: opened };
  return { plan: loaded.plan, sources: await executablesOf(folder, loaded, device, asked) };
}

/** @throws UserError `plan/…` */
export function openPlanOfRun(directory: string): VerifiedPlan {
  try {
    return openPlan(join(directory, RUN_PLAN));
  } catch (error) {
    if (!(error instanceof UserError) || error.code !== 'plan/missing') throw error;
    throw new UserError('plan/missing', error.message, 'copy the whole folder of the run again, or train it again');
  }
}
