/**
 * How long a training batch takes where its shards lie with given trainers: a closed form, in which a trainer's work,
 * its link and the delays along the borders count. It is for choosing between placements; a dry run walks through the
 * schedule.
 */
import { secondsOfCounted } from '../../spec/costs.ts';
import type { BatchWork, Deployment, ShardNeeds } from '../wire/deployment.ts';
import type { Capability } from '../wire/messages.ts';
import { type WayEnd, wayBetween } from './border-way.ts';

/** Facts that a placement is chosen by: absent in deployments of older versions. */
export interface TimedNeeds {
  readonly needs: readonly Required<Pick<ShardNeeds, 'work' | 'sends' | 'flops'>>[];
  readonly pace: NonNullable<Deployment['pace']>;
  readonly microbatches: number;
  /** Batches between two snapshots, of which every trainer sends its part. */
  readonly snapshotEvery: number;
}

export interface TimedTrainer extends Pick<WayEnd, 'key' | 'borders'> {
  readonly capability: Capability;
  /** Other runs that it works for: it divides its time between all of them. */
  readonly runs: number;
}

/** Batches between two snapshots where a deployment is only planned, or says nothing: those of a long epoch. */
const SNAPSHOT_BATCHES = 100;

type Paced = 'pace' | 'microbatches' | 'snapshotEvery';

export function timedNeeds(
  needs: Deployment['needs'],
  { pace, microbatches = 1, snapshotEvery = SNAPSHOT_BATCHES }: Partial<Pick<Deployment, Paced>>,
): TimedNeeds | undefined {
  if (!pace) return undefined;
  const timed = needs.flatMap(({ work, sends, flops }) => (work && sends ? [{ work, sends, flops }] : []));
  return timed.length === needs.length ? { needs: timed, pace, microbatches, snapshotEvery } : undefined;
}

/** Least rate assumed of a trainer that has not measured any. */
export const SOME_RATE = 1e9;

/** Seconds of work. One thread runs a shard, unless it is the only one, which has them all. */
export function secondsOfWork(
  work: BatchWork,
  { rate, cores, costs }: Pick<Capability, 'rate' | 'cores' | 'costs'>,
  alone: boolean,
): number {
  if (!costs) {
    const reached = Math.max(rate, SOME_RATE);
    return work.flops / (alone ? reached : reached / Math.max(1, cores));
  }
  return secondsOfCounted(work, costs, alone ? 'alone' : 'shard') + work.state * costs.stateByte;
}

/** Trainers of one place have no link between them. */
export const placeOf = ({ place, machine }: Capability): string => place ?? machine;

interface Machine {
  seconds: number;
  longest: number;
  shards: number;
  cores: number;
}

interface LinkUse {
  up: number;
  down: number;
}

/** @param trainers by shard */
export function batchSeconds(timed: TimedNeeds, trainers: readonly TimedTrainer[]): number {
  const { needs, pace, microbatches } = timed;
  const machines = new Map<string, Machine>();
  let work = 0;
  for (const [shard, need] of needs.entries()) {
    const { capability, runs } = trainers[shard] as TimedTrainer;
    const seconds = secondsOfWork(need.work, capability, needs.length === 1) * (1 + runs);
    const { machine, cores } = capability;
    const at = machines.get(machine) ?? { seconds: 0, longest: 0, shards: 0, cores: Math.max(1, cores) };
    machines.set(machine, at);
    at.seconds += seconds;
    at.shards++;
    at.longest = Math.max(at.longest, seconds);
    work += seconds;
  }
  const { path, link, framing } = borderSeconds(timed, trainers);
  const saving = savingSeconds(timed, trainers);
  let busiest = 0;
  for (const [name, { seconds, longest, shards, cores }] of machines) {
    const own = Math.max(longest, (seconds + (framing.get(name) ?? 0)) / Math.min(cores, shards));
    busiest = Math.max(busiest, own);
  }
  const computing = Math.max(busiest, pace.serial * work);
  // Microbatches hide delays behind each other: one of them has to go all the way, and nothing does more than it can.
  if (microbatches > 1) return Math.max(busiest, link, computing / microbatches + path) + saving;
  return computing + Math.max(path, link) + saving;
}

/** A batch's share of a snapshot: all shards wait until each place has sent the parts that it has. */
function savingSeconds({ needs, snapshotEvery }: TimedNeeds, trainers: readonly TimedTrainer[]): number {
  const parts = needs.map(({ work }, shard) => ({
    bytes: work.state,
    ...(trainers[shard] as TimedTrainer).capability,
  }));
  return uploadSeconds(parts) / snapshotEvery;
}

/** Until each place has sent what its trainers have to send. */
export function uploadSeconds(parts: readonly (Capability & { readonly bytes: number })[]): number {
  const uplinks = uplinksOf(parts);
  const bytes = new Map<string, number>();
  for (const part of parts) bytes.set(placeOf(part), (bytes.get(placeOf(part)) ?? 0) + part.bytes);
  return Math.max(0, ...[...bytes].map(([place, sum]) => secondsFor(sum, uplinks.get(place) ?? 0)));
}

/** The same trainers, each with the line of its place: one of them may have measured it, and another not yet. */
export function withSharedLines<T extends { readonly capability: Capability }>(trainers: readonly T[]): T[] {
  const uplinks = uplinksOf(trainers.map(({ capability }) => capability));
  return trainers.map((trainer) => {
    const upload = uplinks.get(placeOf(trainer.capability)) ?? 0;
    return { ...trainer, capability: { ...trainer.capability, upload } };
  });
}

/** Trainers of one place share its line, however each has measured it. */
function uplinksOf(capabilities: readonly Capability[]): Map<string, number> {
  const uplinks = new Map<string, number>();
  for (const one of capabilities) uplinks.set(placeOf(one), Math.max(one.upload, uplinks.get(placeOf(one)) ?? 0));
  return uplinks;
}

/** Of what borders take: along the longest path of a microbatch, of the busiest link, and of processors. */
function borderSeconds({ needs, pace, microbatches }: TimedNeeds, trainers: readonly TimedTrainer[]) {
  const links = new Map<string, LinkUse>();
  const framing = new Map<string, number>();
  const add = (place: string, way: keyof LinkUse, seconds: number): void => {
    const use = links.get(place) ?? { up: 0, down: 0 };
    links.set(place, use);
    use[way] += seconds;
  };
  let [longest, sum, hops] = [0, 0, 0];
  for (const [shard, { sends }] of needs.entries()) {
    const end = trainers[shard] as TimedTrainer;
    const from = end.capability;
    for (const { to, bytes, frames, hops: own } of sends) {
      hops += own;
      const other = trainers[to];
      const target = other?.capability;
      if (!target || placeOf(from) === placeOf(target)) continue;
      const way = wayBetween(end, other);
      const [up, down] = [secondsFor(bytes, way.upload), secondsFor(bytes, way.download)];
      const line = way.isApart ? 'straight from ' : '';
      add(`${line}${placeOf(from)}`, 'up', up);
      add(`${line}${placeOf(target)}`, 'down', down);
      for (const { machine, costs } of [from, target])
        if (costs)
          framing.set(machine, (framing.get(machine) ?? 0) + (frames * costs.frame + bytes * costs.frameByte) / 2);
      const seconds = own * way.delay + Math.max(up, down) / microbatches;
      longest = Math.max(longest, seconds);
      sum += seconds;
    }
  }
  // All at once is as long as the longest, one after the other as long as their sum.
  const path = Math.max(longest, hops > 0 ? (sum * pace.hops) / hops : 0);
  const link = Math.max(0, ...[...links.values()].flatMap(({ up, down }) => [up, down]));
  return { path, link, framing };
}

/** @param bytesPerSecond 0: no known bound */
function secondsFor(bytes: number, bytesPerSecond: number): number {
  return bytesPerSecond > 0 ? bytes / bytesPerSecond : 0;
}
