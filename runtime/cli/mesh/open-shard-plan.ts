/** The plan of a deployment on a trainer: verified as any plan of strangers, once for all shards of this trainer. */
import { availableParallelism } from 'node:os';
import type { Lowering } from '../../../spec/lowering.ts';
import type { Device, Executable } from '../../device/device.ts';
import type { OpenedPlan } from '../../net/fetch-plan.ts';
import { planInMemory } from '../../plan/plan-memory.ts';
import { PLAN_FILE } from '../../plan/plan-source.ts';
import { type VerifiedPlan, verifyPlan } from '../../plan/verify-plan.ts';
import { UserError } from '../../support/errors.ts';
import { hex, sha256 } from '../../wire/hash.ts';
import { lowerHere } from '../compiling/lower-here.ts';
import { executableOf } from '../compiling/plan-executables.ts';
import { isShort } from '../compiling/short-programs.ts';
import { verifyForeign } from '../planning/verify-foreign.ts';

interface Opened {
  readonly hash: string;
  readonly verified: VerifiedPlan;
  readonly lowering: Lowering;
}

export function openShardPlan(device: Device) {
  let opened: Opened | undefined;
  return async (files: ReadonlyMap<string, Uint8Array>, shard: number): Promise<OpenedPlan> => {
    const hash = hex(sha256(files.get(PLAN_FILE) ?? new Uint8Array(0)));
    if (opened?.hash !== hash) {
      const verified = verifyPlan(planInMemory('the deployed plan', files), verifyForeign);
      opened = { hash, verified, lowering: lowerHere() };
    }
    const { verified, lowering } = opened;
    const schedule = verified.schedules[shard];
    const memory = verified.plan.shards[shard]?.memory ?? 0;
    const program = verified.programs[shard];
    if (!schedule || !program) throw new UserError('plan/format', `the plan has no shard ${shard}`);
    const lower = async (): Promise<Executable> => {
      const executable = await executableOf('the plan', verified, shard, device, lowering);
      return { ...executable, short: isShort(program, availableParallelism()) };
    };
    return { schedule, states: program.states, memory, lower };
  };
}
