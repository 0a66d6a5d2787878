/** Memory of a plan's shards on trainers, before it is known where they are and what they are trained on. */
import { neededMemory, needingPlan } from '../../net/needed-memory.ts';
import type { VerifiedPlan } from '../../plan/verify-plan.ts';
import { stretchesOf } from '../../roles/stretch-length.ts';
import { batchWork, rated } from './rated-shard.ts';

/** Bytes by shard, as its trainer will count them, as if one batch were all data. */
export function planMemory(verified: Pick<VerifiedPlan, 'plan' | 'programs' | 'schedules' | 'files'>): number[] {
  const { plan, programs, schedules } = verified;
  const flows = plan.borders.flatMap((border) => border.flows);
  const needs = programs.flatMap((program, i) => {
    const schedule = schedules[i];
    if (!schedule) return [];
    const sends = flows
      .filter(({ from }) => from === schedule.shard)
      .map(({ to, valuesPerBatch, messagesPerBatch }) => ({
        ...{ to, bytes: Float32Array.BYTES_PER_ELEMENT * valuesPerBatch },
        ...{ frames: messagesPerBatch, hops: 0 },
      }));
    return [{ work: batchWork(rated({ program, schedule })), sends }];
  });
  const batch = plan.training?.batch ?? plan.predictions[0]?.batch ?? 1;
  const machines = (plan.predicted?.machines ?? []).map((machine) => ({ cores: 1, ...machine }));
  const recorded = plan.training ? { stretches: stretchesOf(needs, machines) } : {};
  return neededMemory({ ...needingPlan(verified), batch, sends: needs, ...recorded });
}
