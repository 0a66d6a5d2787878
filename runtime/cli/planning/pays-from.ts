/** From which widths on a cut pays, by the same cost model: its shards are counted anew at each width that is looked at. */
import type { BatchWork } from '../../wire/deployment.ts';
import { predictPlaced, type RatedTrainer } from './predict-rate.ts';
import type { RatedShard } from './rated-shard.ts';
import { grownWork, widerShards } from './wider-shards.ts';

/** Steps of half an octave: what is said is "about". */
const STEP = Math.SQRT2;
const MAX_STEPS = 14;

export interface Cutting {
  readonly shards: readonly RatedShard[];
  readonly owners: readonly string[];
  readonly trainers: readonly RatedTrainer[];
  /** A batch in one shard. */
  readonly whole: BatchWork;
  /** Seconds of such; nothing where that is not known. */
  readonly alone: (whole: BatchWork) => number | undefined;
}

/**
 * Of a cut that does not pay yet.
 *
 * @returns how many times as wide as it is; `never` where it pays at no width that is looked at; nothing where it is not
 *   known what its widths are
 */
export function paysFrom(cutting: Cutting): number | 'never' | undefined {
  const most = pays(cutting, STEP ** MAX_STEPS);
  if (!most) return most === false ? 'never' : undefined;
  let [no, yes] = [0, MAX_STEPS];
  while (yes - no > 1) {
    const middle = Math.floor((no + yes) / 2);
    if (pays(cutting, STEP ** middle)) yes = middle;
    else no = middle;
  }
  return STEP ** yes;
}

function pays({ shards, owners, trainers, whole, alone }: Cutting, wider: number): boolean | undefined {
  const wide = widerShards(shards, wider);
  if (!wide) return undefined;
  const rate = predictPlaced({ shards: wide, owners, trainers });
  const one = alone(grownWork(whole, shards, wide));
  return rate && one !== undefined ? 1 / rate.batchesPerSecond < one : undefined;
}
