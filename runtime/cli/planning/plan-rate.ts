/** How fast a plan trains on the machines that it was made for, and how fast one of them would be by itself. */
import { DEFAULT_MACHINE } from '../../../spec/default-machine.ts';
import type { Plan, PlanPredicted } from '../../../spec/plan.ts';
import type { Program } from '../../../spec/program.ts';
import type { ShardSchedule } from '../../../spec/schedule.ts';
import { stretchCostsOn, stretchLength } from '../../roles/stretch-length.ts';
import { formatCount } from '../../support/format-numbers.ts';
import type { BatchWork } from '../../wire/deployment.ts';
import { paysFrom } from './pays-from.ts';
import { predictRate, type RatedTrainer, waitingAlone } from './predict-rate.ts';
import { MAX_SEGMENTS, rated, sampleBytes, segmentsOf } from './rated-shard.ts';

export interface PlanRate {
  readonly samplesPerSecond: number;
  /** In words. */
  readonly limit: string;
  /** In words: of which machines. */
  readonly machines: string;
  /** All in one shard, on the machine on which that is fastest; null where no machine has room for it. */
  readonly alone: { readonly samplesPerSecond: number } | null;
  /**
   * Of a cut that is slower than one shard: widths at which it begins to pay, about, as times of those that it has;
   * `never` where it pays at none, since one shard has all threads of a machine, or the cut is so uneven. Null: not known.
   */
  readonly paysFrom: number | 'never' | null;
}

/** The same, a dozen times. */
const MAX_WIDENED_SEGMENTS = 2_000;
/** A prediction tells no smaller difference. */
const FASTER = 1.1;

/** Each shard on a machine of its own, whose links have no delay. */
export function planRate(
  plan: Plan,
  shards: readonly { readonly program: Program; readonly schedule: ShardSchedule }[],
): PlanRate | undefined {
  const { predicted, training } = plan;
  if (!predicted || !training || predicted.machines.length !== shards.length) return undefined;
  const segments = segmentsOf(shards);
  if (segments > MAX_SEGMENTS) return undefined;
  const trainers = predicted.machines.map((machine, i) => trainerOf(machine, String(i), predicted.assumed));
  const owners = trainers.map(({ key }) => key);
  const ratedShards = shards.map(rated);
  const found = predictRate(ratedShards, owners, trainers);
  if (!found) return undefined;
  const { batch } = training;
  const memory = plan.shards.reduce((sum, s) => sum + s.memory, 0);
  const samples = ratedShards.reduce((sum, shard) => sum + sampleBytes(shard), 0);
  const { whole } = predicted;
  const alone = whole && fastestAlone(whole, trainers, samples, memory);
  const isSlower = alone !== undefined && alone * found.batchesPerSecond * FASTER < 1;
  const looks = isSlower && shards.length > 1 && segments <= MAX_WIDENED_SEGMENTS;
  const paying = whole && {
    ...{ shards: ratedShards, owners, trainers, whole },
    // Whether it has room is another question than which is faster.
    alone: (wide: BatchWork) => fastestAlone(wide, trainers, samples),
  };
  return {
    samplesPerSecond: batch * found.batchesPerSecond,
    limit: found.limit,
    machines: predicted.assumed ?? 'the machines of the mesh file',
    alone: alone === undefined ? null : { samplesPerSecond: batch / alone },
    paysFrom: (looks && paying && paysFrom(paying)) || null,
  };
}

function trainerOf(machine: PlanPredicted['machines'][number], key: string, assumed: string | undefined): RatedTrainer {
  const { name, rate, upload, download, memory = Number.POSITIVE_INFINITY, cores = 1, costs } = machine;
  const known = assumed === undefined ? { cores, rate, ...(costs ? { costs } : {}) } : DEFAULT_MACHINE;
  const links = { upload: upload ?? 0, download: download ?? 0 };
  const { cores: own, rate: reached, costs: measured } = known;
  const capability = { cores: own, rate: reached, memory, machine: name, ...links };
  return { key, name, capability: measured ? { ...capability, costs: measured } : capability };
}

/** Seconds of a batch. @param samples bytes of its samples @param memory that it takes; absent: whatever there is */
function fastestAlone(
  whole: BatchWork,
  trainers: readonly RatedTrainer[],
  samples: number,
  memory = 0,
): number | undefined {
  const times = trainers.flatMap(({ capability }) => {
    if (capability.memory < memory) return [];
    const costs = stretchCostsOn(whole, capability, true);
    const committed = costs.commitment / stretchLength([{ ...costs, frames: 0 }]).batches;
    const { batch = 0, sampleByte = 0 } = capability.costs ?? {};
    return [costs.work + committed + batch + samples * sampleByte + waitingAlone(capability)];
  });
  return times.length > 0 ? Math.min(...times) : undefined;
}

/** A parameter of a model that is the width of its nodes. */
export interface WidthParameter {
  readonly name: string;
  readonly value: number;
}

/** Gain or loss by a cut; nothing where neither can be told. @param width absent where it is not known */
export function cutText(rate: PlanRate | undefined, width?: WidthParameter): string | undefined {
  if (!rate?.alone) return undefined;
  const times = rate.alone.samplesPerSecond / rate.samplesPerSecond;
  if (times > FASTER)
    return `in one shard this trains ${timesText(times)} times as fast${paysText(rate.paysFrom, width)}`;
  if (times < 1 / FASTER) return `it trains ${timesText(1 / times)} times as fast as in one shard`;
  return 'it trains about as fast as in one shard';
}

function paysText(wider: PlanRate['paysFrom'], width: WidthParameter | undefined): string {
  if (wider === null) return '';
  if (wider === 'never') return '; this cut pays at no width';
  // It is known to half an octave.
  if (width)
    return `; shards pay from about ${width.name} = ${formatCount(Number((width.value * wider).toPrecision(2)))}`;
  return `; shards pay from about ${Number(wider.toPrecision(2))} times its widths`;
}

const timesText = (times: number): string => (times < 10 ? times.toFixed(1) : formatCount(Math.round(times)));
