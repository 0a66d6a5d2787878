/** How fast a plan trains on the machines that it was made for, and how fast one of them would be by itself. */
import { DEFAULT_MACHINE } from '../../../spec/default-machine.ts';
import { TRAIN } from '../../../spec/names.ts';
import type { Plan, PlanPredicted } from '../../../spec/plan.ts';
import type { Program } from '../../../spec/program.ts';
import type { ShardSchedule } from '../../../spec/schedule.ts';
import { stretchCostsOn, stretchLength } from '../../roles/stretch-length.ts';
import { formatCount } from '../../support/format-numbers.ts';
import { predictRate, type RatedTrainer } from './predict-rate.ts';
import { rated } from './rated-shard.ts';

export interface PlanRate {
  readonly samplesPerSecond: number;
  /** In words. */
  readonly limit: string;
  /** In words: of which machines. */
  readonly machines: string;
  /** All in one shard, on the machine on which that is fastest; null where no machine has room for it. */
  readonly alone: { readonly samplesPerSecond: number } | null;
}

/** Walking through longer schedules takes longer than an answer may. */
const MAX_SEGMENTS = 20_000;
/** A prediction tells no smaller difference. */
const FASTER = 1.1;

/** Each shard on a machine of its own, whose links have no delay. */
export function planRate(
  plan: Plan,
  shards: readonly { readonly program: Program; readonly schedule: ShardSchedule }[],
): PlanRate | undefined {
  const { predicted, training } = plan;
  if (!predicted || !training || predicted.machines.length !== shards.length) return undefined;
  if (shards.reduce((sum, { schedule }) => sum + segmentsIn(schedule), 0) > MAX_SEGMENTS) return undefined;
  const trainers = predicted.machines.map((machine, i) => trainerOf(machine, String(i), predicted.assumed));
  const owners = trainers.map(({ key }) => key);
  const found = predictRate(shards.map(rated), owners, trainers);
  if (!found) return undefined;
  const { batch } = training;
  const memory = plan.shards.reduce((sum, s) => sum + s.memory, 0);
  const alone = fastestAlone(predicted, trainers, memory);
  return {
    samplesPerSecond: batch * found.batchesPerSecond,
    limit: found.limit,
    machines: predicted.assumed ?? 'the machines of the mesh file',
    alone: alone === undefined ? null : { samplesPerSecond: batch / alone },
  };
}

/** That a batch goes through. */
function segmentsIn({ functions }: ShardSchedule): number {
  const train = functions.find(({ name }) => name === TRAIN);
  const once = train?.stages.reduce((sum, { repeat, segments }) => sum + repeat * segments.length, 0) ?? 0;
  return once * (train?.microbatches ?? 1);
}

function trainerOf(machine: PlanPredicted['machines'][number], key: string, assumed: string | undefined): RatedTrainer {
  const { name, rate, upload, download, memory = Number.POSITIVE_INFINITY, cores = 1, costs } = machine;
  const known = assumed === undefined ? { cores, rate, ...(costs ? { costs } : {}) } : DEFAULT_MACHINE;
  const links = { upload: upload ?? 0, download: download ?? 0 };
  const { cores: own, rate: reached, costs: measured } = known;
  const capability = { cores: own, rate: reached, memory, machine: name, ...links };
  return { key, name, capability: measured ? { ...capability, costs: measured } : capability };
}

/** Seconds of a batch. */
function fastestAlone({ whole }: PlanPredicted, trainers: readonly RatedTrainer[], memory: number): number | undefined {
  if (!whole) return undefined;
  const times = trainers.flatMap(({ capability }) => {
    if (capability.memory < memory) return [];
    const costs = stretchCostsOn(whole, capability, true);
    return [costs.work + costs.commitment / stretchLength([{ ...costs, frames: 0 }]).batches];
  });
  return times.length > 0 ? Math.min(...times) : undefined;
}

/** Gain or loss by a cut; nothing where neither can be told. */
export function cutText(rate: PlanRate | undefined): string | undefined {
  if (!rate?.alone) return undefined;
  const times = rate.alone.samplesPerSecond / rate.samplesPerSecond;
  if (times > FASTER) return `in one shard this trains ${timesText(times)} times as fast`;
  if (times < 1 / FASTER) return `it trains ${timesText(1 / times)} times as fast as in one shard`;
  return 'it trains about as fast as in one shard';
}

const timesText = (times: number): string => (times < 10 ? times.toFixed(1) : formatCount(Math.round(times)));
