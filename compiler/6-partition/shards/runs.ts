/** Functions that a shard runs for one batch, and how often. */
import type { ShardFunction, ShardSchedule, Stage } from '../../../spec/schedule.ts';

/** Runs of a shard for one batch of a function: those of its microbatches, a smaller last one by itself. */
export function runsOf(schedule: ShardSchedule, name: string): { readonly f: ShardFunction; readonly times: number }[] {
  const f = schedule.functions.find((g) => g.name === name);
  if (!f) return [];
  const last = schedule.functions.find((g) => g.name === f.last);
  const { microbatches = 1 } = f;
  return last
    ? [
        { f, times: microbatches - 1 },
        { f: last, times: 1 },
      ]
    : [{ f, times: microbatches }];
}

/** The longest loop; rules without one have no ticks. */
export function tickOf(f: ShardFunction): Stage | undefined {
  const loops = f.stages.filter((s) => s.repeat > 1 || s.next.length > 0);
  return loops.sort((a, b) => b.repeat - a.repeat)[0];
}
