/** Which thread runs which shard, where there are more shards than threads. */
import { type Program, sizeOf } from '../../../spec/program.ts';
import { runsIn, type ShardSchedule, type Stage } from '../../../spec/schedule.ts';

interface Place {
  readonly executable: { readonly program: Program };
  readonly schedule: ShardSchedule;
}

/** The largest first, each to the thread with the least work so far. @returns the thread of each shard */
export function dealShards(places: readonly Place[], threads: number): number[] {
  if (places.length <= threads) return places.map((_, i) => i);
  const work = places.map(workOf);
  const loads = new Array<number>(threads).fill(0);
  const dealt = new Array<number>(places.length).fill(0);
  const order = [...work.keys()].sort((a, b) => (work[b] ?? 0) - (work[a] ?? 0) || a - b);
  for (const shard of order) {
    const thread = loads.indexOf(Math.min(...loads));
    loads[thread] = (loads[thread] ?? 0) + (work[shard] ?? 0);
    dealt[shard] = thread;
  }
  return dealt;
}

/** Values that a call of its longest function makes: what small operations take goes by their values. */
function workOf({ executable: { program }, schedule }: Place): number {
  const functions = new Map(program.functions.map((f) => [f.name, f]));
  const valuesOf = (name: string): number =>
    (functions.get(name)?.blocks ?? []).reduce(
      (sum, { ops, repeat }) => sum + repeat * ops.reduce((values, { shape }) => values + sizeOf(shape), 0),
      0,
    );
  const ofStages = (stages: readonly Stage[]): number =>
    stages.reduce(
      (sum, stage) => sum + stage.repeat * runsIn([stage]).reduce((values, run) => values + valuesOf(run), 0),
      0,
    );
  return schedule.functions.reduce(
    (most, { stages, after = [], microbatches = 1 }) =>
      Math.max(most, microbatches * ofStages(stages) + ofStages(after)),
    0,
  );
}
