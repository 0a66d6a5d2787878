/** The plan of a deployment on a trainer: written to its cache, then loaded as any plan of strangers, trusting nothing. */
import type { Lowering } from '../../../spec/lowering.ts';
import type { Device, Executable } from '../../device/device.ts';
import type { OpenedPlan } from '../../net/fetch-plan.ts';
import { PLAN_FILE } from '../../plan/plan-files.ts';
import type { LoadedPlan } from '../../plan/plan-folder.ts';
import { writePlan } from '../../plan/write-plan.ts';
import { UserError } from '../../support/errors.ts';
import { ownPath, type SafePath } from '../../support/safe-path.ts';
import { hex, sha256 } from '../../wire/hash.ts';
import { lowerHere } from '../compiling/lower-here.ts';
import { executableOf } from '../compiling/plan-executables.ts';
import { openPlan } from '../planning/open-plan.ts';

interface Opened {
  readonly hash: string;
  readonly loaded: LoadedPlan;
  readonly lowering: Lowering;
}

/** @param folder of this trainer; a plan goes into one below it that is named by its hash */
export function openShardPlan(folder: SafePath, device: Device) {
  let opened: Opened | undefined;
  return async (files: ReadonlyMap<string, Uint8Array>, shard: number): Promise<OpenedPlan> => {
    const planJson = files.get(PLAN_FILE);
    if (!planJson) throw new UserError('plan/format', `the deployment has no ${PLAN_FILE}`);
    const hash = hex(sha256(planJson));
    // Read and checked once for all shards of this trainer.
    if (opened?.hash !== hash) {
      const place = ownPath(folder, hash);
      writePlan(place, planJson, new Map([...files].filter(([path]) => path !== PLAN_FILE)));
      opened = { hash, loaded: openPlan(place), lowering: lowerHere() };
    }
    const { loaded, lowering } = opened;
    const schedule = loaded.schedules[shard];
    const memory = loaded.plan.shards[shard]?.memory ?? 0;
    const program = loaded.programs[shard];
    if (!schedule || !program) throw new UserError('plan/format', `the plan has no shard ${shard}`);
    const lower = (): Promise<Executable> => executableOf('the plan', loaded, shard, device, lowering);
    return { schedule, states: program.states, memory, lower };
  };
}
