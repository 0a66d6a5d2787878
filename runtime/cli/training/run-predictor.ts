/** A trained run, ready to predict: its plan and its weights on a device. */
import { closest } from '../../../compiler/diagnostics/suggest.ts';
import type { Plan, PlanPrediction } from '../../../spec/plan.ts';
import type { VerifiedPlan } from '../../plan/verify-plan.ts';
import type { Shard } from '../../shard/shard.ts';
import { openShards } from '../../shard/shards.ts';
import { openRun, type Run } from '../../store/run-folder.ts';
import { weightsHash } from '../../store/weights-hash.ts';
import { UserError } from '../../support/errors.ts';
import type { Sized } from '../compiling/sized-functions.ts';
import { openShardsOf, openShardsOfRun } from '../planning/open-plan.ts';
import { commandDevice } from '../shell/command-device.ts';

export interface Predictor {
  readonly run: Run;
  readonly plan: Plan;
  readonly shard: Shard;
  /** Hash of the weights, where it was asked for. */
  readonly weights?: string;
}

type Calls = (loaded: VerifiedPlan) => Sized | Promise<Sized>;

/**
 * @param calls what will be predicted; every prediction in the plan's batch when absent
 * @param other another file's tasks instead of those that the run was trained with
 * @param hashes whether the weights are hashed: all of them are read for that
 */
export async function openPredictor(
  directory: string,
  deviceName: string,
  calls: Calls = asPlanned,
  other?: (run: Run) => Promise<VerifiedPlan>,
  hashes = false,
): Promise<Predictor> {
  const run = openRun(directory);
  const loaded = await other?.(run);
  const device = await commandDevice(deviceName);
  device.warmUp?.();
  const { plan, sources } = loaded
    ? await openShardsOf(directory, loaded, device, calls)
    : await openShardsOfRun(directory, device, calls);
  const opened = await run.withParameters(async (tensors) => ({
    shard: await openShards(device, sources, () => ({ tensors })),
    ...(hashes ? { weights: weightsHash(tensors) } : {}),
  }));
  return { run, plan, ...opened };
}

/** The functions that predict: nothing else of a plan is lowered for a predictor. */
const asPlanned = (loaded: VerifiedPlan): Sized => ({
  loaded,
  called: loaded.plan.predictions.map((p) => p.function),
});

/** The predict block of that name, or the first. */
export function selectPrediction(plan: Plan, name: string | undefined): PlanPrediction {
  const found = name === undefined ? plan.predictions[0] : plan.predictions.find((p) => p.task === name);
  if (found) return found;
  const names = plan.predictions.map((p) => p.task);
  const near = name === undefined ? undefined : closest(name, names);
  throw new UserError(
    'task/unknown',
    name === undefined ? `${plan.model} has no predict block` : `${plan.model} has no predict block named ${name}`,
    near !== undefined
      ? `did you mean ${near}?`
      : names.length > 0
        ? `there are: ${names.join(', ')}`
        : 'write `predict NAME of MODEL { … }` and train again',
  );
}
