/** `--borders auto`: the codec that loses least of those with which these trainers train fastest. */
import type { BorderCodec } from '../../wire/codec.ts';
import { placementNeeds } from './placement-needs.ts';
import { placeOn, predictRate, type RatedTrainer } from './predict-rate.ts';
import type { RatedShard } from './rated-shard.ts';

/**
 * None loses more than f16, which is the last: what is chosen is never worse. By what full trainings have lost (`npm run
 * accept -- codecs`); those that leave changes out are taken only where they are asked for by name.
 */
const BY_LOSS = ['f32', 'int8', 'f16'] as const satisfies readonly BorderCodec[];
/** A codec that loses more has to be worth so much. */
const WORTH = 1.03;

/**
 * @param isAsync whether newer frames replace older ones, so that none may go on from another
 * @returns f32 where the trainers have not measured what they can do
 */
export function chooseCodec(
  shards: readonly RatedShard[],
  trainers: readonly RatedTrainer[],
  on: readonly string[] | undefined,
  isAsync: boolean,
): BorderCodec {
  if (isAsync || shards.length === 1) return 'f32';
  let best: { readonly codec: BorderCodec; readonly rate: number } | undefined;
  for (const codec of BY_LOSS) {
    const { needs, pace } = placementNeeds(shards, codec);
    const bare = needs.map((need) => ({ ...need, memory: 0, flops: need.work.flops, bytes: 0 }));
    const { owners, problem } = placeOn(bare, trainers, { pace, ...(on ? { on } : {}) });
    const rate = problem === undefined ? predictRate(shards, owners, trainers, codec)?.batchesPerSecond : undefined;
    if (rate !== undefined && rate > (best?.rate ?? 0) * WORTH) best = { codec, rate };
  }
  return best?.codec ?? 'f32';
}
