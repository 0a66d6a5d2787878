/**
 * `last = keep`: the samples of an epoch that do not fill a batch have a plan of their own, of the same model for just so
 * many. It lies in the run beside the plan, so that a resumed run has it, too.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { planBytes } from '../../../compiler/8-plan/build.ts';
import type { Selected } from '../../../compiler/compile.ts';
import { parseMemory } from '../../../spec/names.ts';
import type { Plan, PlanTraining } from '../../../spec/plan.ts';
import type { Device } from '../../device/device.ts';
import { PLAN_FILE } from '../../plan/plan-source.ts';
import type { Beginning, SavedStates, Shard } from '../../shard/shard.ts';
import { openShards } from '../../shard/shards.ts';
import { assertDropsLast } from '../../shard/trainable.ts';
import { wholeSchedule } from '../../shard/whole.ts';
import { buildStages, type CheckedModel, planOf } from '../compiling/compile-model.ts';
import { asPlanned } from '../planning/as-planned.ts';
import { openPlan, openShardsOf } from '../planning/open-plan.ts';

export const LAST_PLAN = 'last-plan';

export interface LastPart {
  readonly shard: Shard;
  /** By path within the run. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

export interface LastPartOf {
  readonly model: CheckedModel;
  readonly selected: Selected;
  readonly plan: Plan;
  readonly samples: number;
  readonly device: Device;
  /** Of the whole batches, whose weights it takes over again before it runs. */
  readonly saved: SavedStates;
}

/**
 * @returns nothing where the data fill their batches, or the task does not ask for it
 * @throws UserError `train/last`
 */
export async function lastPart(of: LastPartOf): Promise<LastPart | undefined> {
  const { model, selected, plan, samples, device, saved } = of;
  const { task } = selected;
  const { training } = plan;
  if (task?.last !== 'keep' || !training) return undefined;
  if (plan.shards.length > 1) assertDropsLast(training, 'in shards');
  const batch = samples % task.batch;
  if (batch === 0) return undefined;
  const odd = batch % task.replicas;
  if (odd !== 0)
    assertDropsLast(
      training,
      `with ${batch} samples left for ${task.replicas} replicas (--limit ${samples - odd} fits)`,
    );
  const staged = buildStages(asPlanned({ ...selected, task: { ...task, batch }, predicts: [] }, plan));
  const made = planOf(model, staged);
  const { program, files } = made;
  const sources = [{ executable: { program, files }, schedule: wholeSchedule(program) }];
  const all = [...files, [PLAN_FILE, planBytes(made.plan)] as const];
  return {
    shard: await openShards(device, sources, () => tensorsOf(saved)),
    files: new Map(all.map(([path, bytes]) => [`${LAST_PLAN}/${path}`, bytes])),
  };
}

/** All tensors but the memory of delayed links, which is of the rows of a whole batch. */
function tensorsOf({ parameters, auxiliary }: SavedStates): Beginning {
  return { tensors: [...parameters, ...auxiliary].filter(({ name }) => parseMemory(name) === undefined) };
}

/** Of a run that is resumed. */
export async function reopenLastPart(
  directory: string,
  device: Device,
  { last }: PlanTraining,
  state: SavedStates,
): Promise<Shard | undefined> {
  const folder = join(directory, LAST_PLAN);
  if (last !== 'keep' || !existsSync(folder)) return undefined;
  const { sources } = await openShardsOf(folder, openPlan(folder), device);
  return openShards(device, sources, () => tensorsOf(state));
}
