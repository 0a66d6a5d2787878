/**
 * From which widths on a cut pays, by the same cost model: work of products grows with the square of the widths, values
 * on borders with the widths themselves, and runs and frames stay as many as they are.
 */
import type { BatchWork } from '../../wire/deployment.ts';
import { areShort } from '../compiling/short-programs.ts';
import { predictPlaced, type RatedTrainer } from './predict-rate.ts';
import type { RatedShard } from './rated-shard.ts';

/** Steps of half an octave: what is said is "about". */
const STEP = Math.SQRT2;
const MAX_STEPS = 14;

export interface Cutting {
  readonly shards: readonly RatedShard[];
  readonly owners: readonly string[];
  readonly trainers: readonly RatedTrainer[];
  /** Seconds of a batch in one shard, at given widths; nothing where that is not known. */
  readonly alone: (wider: number) => number | undefined;
}

/** Of a cut that does not pay yet: how many times as wide as it is; `never` where it pays at no width that is looked at. */
export function paysFrom(cutting: Cutting): number | 'never' {
  if (!pays(cutting, STEP ** MAX_STEPS)) return 'never';
  let [no, yes] = [0, MAX_STEPS];
  while (yes - no > 1) {
    const middle = Math.floor((no + yes) / 2);
    if (pays(cutting, STEP ** middle)) yes = middle;
    else no = middle;
  }
  return STEP ** yes;
}

function pays({ shards, owners, trainers, alone }: Cutting, wider: number): boolean {
  const rate = predictPlaced({ shards: shards.map((shard) => widerShard(shard, wider)), owners, trainers, wider });
  const one = alone(wider);
  return rate !== undefined && one !== undefined && 1 / rate.batchesPerSecond < one;
}

function widerShard(shard: RatedShard, wider: number): RatedShard {
  const work = new Map([...shard.work].map(([name, each]) => [name, widerCounts(each, wider)]));
  // Runs that are short need not be so at other widths.
  return { ...shard, work, state: shard.state * wider ** 2, short: shard.short && areShort(work.values()) };
}

export function widerWork(work: BatchWork, wider: number): BatchWork {
  return { ...work, ...widerCounts(work, wider), state: work.state * wider ** 2 };
}

function widerCounts<
  T extends Pick<BatchWork, 'flops' | 'bytes' | 'farBytes' | 'valueBytes' | 'farValueBytes' | 'readBytes'>,
>(counts: T, wider: number): T {
  const { flops, bytes, farBytes = 0, valueBytes, farValueBytes = 0, readBytes = 0 } = counts;
  const moved = { bytes: bytes * wider, farBytes: farBytes * wider ** 2, readBytes: readBytes * wider ** 2 };
  const handed = { valueBytes: valueBytes * wider, farValueBytes: farValueBytes * wider };
  return { ...counts, flops: flops * wider ** 2, ...moved, ...handed };
}
