/** A trained run, ready to predict: its plan and its weights on a device. */
import { join } from 'node:path';
import type { Plan, PlanPrediction } from '../../spec/plan.ts';
import { chooseDevice } from '../device/choose.ts';
import type { Executable } from '../device/device.ts';
import { loadPlan } from '../plan/plan-folder.ts';
import { openShard, type Shard } from '../shard/shard.ts';
import { openRun, type Run } from '../store/run-folder.ts';
import { UserError } from '../support/errors.ts';
import { RUN_PLAN } from './train.ts';

export interface Predictor {
  readonly run: Run;
  readonly plan: Plan;
  readonly executable: Executable;
  readonly shard: Shard;
}

export async function openPredictor(directory: string, deviceName: string): Promise<Predictor> {
  const run = openRun(directory);
  const { plan, executables } = loadPlan(join(directory, RUN_PLAN));
  const executable = executables[0] as Executable;
  const device = await chooseDevice(deviceName);
  const shard = await openShard(device, executable, { tensors: run.readParameters() });
  return { run, plan, executable, shard };
}

/** The predict block of that name, or the first. */
export function selectPrediction(plan: Plan, name: string | undefined): PlanPrediction {
  const found = name === undefined ? plan.predictions[0] : plan.predictions.find((p) => p.task === name);
  if (found) return found;
  const names = plan.predictions.map((p) => p.task);
  throw new UserError(
    'task/unknown',
    name === undefined ? `${plan.model} has no predict block` : `${plan.model} has no predict block called ${name}`,
    names.length > 0 ? `there are: ${names.join(', ')}` : 'write `predict NAME of MODEL { … }` and train again',
  );
}
