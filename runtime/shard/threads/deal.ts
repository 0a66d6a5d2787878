/** Which thread runs which shard, where there are more shards than threads. */
import { type Program, sizeOf } from '../../../spec/program.ts';
import { runsIn, type ShardSchedule, type Stage } from '../../../spec/schedule.ts';

interface Place {
  readonly executable: { readonly program: Program };
  readonly schedule: ShardSchedule;
}

/** A run of a shard by itself. */
interface Behind {
  readonly shard: number;
  readonly segment: string;
}

/**
 * The largest first, each to the thread with the least work so far.
 *
 * @param behind what shards run by themselves, where threads share the rest of every batch
 * @returns the thread of each shard
 */
export function dealShards(places: readonly Place[], threads: number, behind?: readonly Behind[]): number[] {
  if (places.length <= threads) return places.map((_, i) => i);
  // Every thread has a shard, also where shards have nothing to do by themselves.
  const work = places.map((place, shard) => 1 + (behind ? workBehind(place, shard, behind) : workOf(place)));
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

/** Values that a run of a segment makes: what small operations take goes by their values. */
function valuesIn({ executable: { program } }: Place): (segment: string) => number {
  const functions = new Map(program.functions.map((f) => [f.name, f]));
  return (segment) =>
    (functions.get(segment)?.blocks ?? []).reduce(
      (sum, { ops, repeat }) => sum + repeat * ops.reduce((values, { shape }) => values + sizeOf(shape), 0),
      0,
    );
}

function workBehind(place: Place, shard: number, behind: readonly Behind[]): number {
  const valuesOf = valuesIn(place);
  return behind.reduce((sum, run) => sum + (run.shard === shard ? valuesOf(run.segment) : 0), 0);
}

/** Of a call of its longest function. */
function workOf(place: Place): number {
  const { schedule } = place;
  const valuesOf = valuesIn(place);
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
