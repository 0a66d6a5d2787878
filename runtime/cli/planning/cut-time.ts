/** By which times a cut is chosen: those that the dry run predicts, each shard on a trainer of a machine of its own. */
import type { Machines } from '../../../compiler/6-partition/problem.ts';
import type { BatchTime } from '../../../compiler/6-partition/quickest-cut.ts';
import type { ShardProgram } from '../../../compiler/6-partition/shards/split.ts';
import { TRAIN } from '../../../spec/names.ts';
import { type MeasuredBorder, predictRate, type RatedTrainer } from './predict-rate.ts';
import { MAX_SEGMENTS, rated, segmentsOf } from './rated-shard.ts';

export const batchTime: BatchTime = (split, machines) => {
  if (!split.every(isTrained) || segmentsOf(split) > MAX_SEGMENTS) return undefined;
  const trainers = machines.list.map((_, i) => trainerOn(machines, i));
  const owners = trainers.map(({ key }) => key);
  const found = predictRate(split.map(rated), owners, trainers);
  return found && 1 / found.batchesPerSecond;
};

const isTrained = ({ schedule }: ShardProgram): boolean => schedule.functions.some(({ name }) => name === TRAIN);

/** The trainer of a machine, as it would tell of it. */
function trainerOn({ list, latency, bandwidth }: Machines, index: number): RatedTrainer {
  const machine = list[index] as Machines['list'][number];
  const { name, rate, memory, upload, costs, cores = 1 } = machine;
  const links = { upload: bounded(upload), download: bounded(machine.download) };
  const capability = { rate, cores, memory, machine: String(index), ...links, ...(costs ? { costs } : {}) };
  const wayTo = (to: number): MeasuredBorder => ({
    key: String(to),
    // Links bind on that way, too: it is not one beside them.
    rate: Math.min(bandwidth?.[index * list.length + to] ?? Infinity, upload, list[to]?.download ?? Infinity),
    roundTrip: 2000 * (latency?.[index * list.length + to] ?? 0),
  });
  const borders = latency || bandwidth ? { borders: list.map((_, to) => wayTo(to)) } : {};
  return { key: String(index), name, capability, ...borders };
}

/** As a capability has it: 0 where there is no bound. */
const bounded = (bytesPerSecond: number): number => (Number.isFinite(bytesPerSecond) ? bytesPerSecond : 0);
