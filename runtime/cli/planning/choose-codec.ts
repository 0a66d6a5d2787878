/** `--borders auto`: the codec that loses least of those with which these trainers train fastest. */
import type { BorderCodec } from '../../wire/codec.ts';
import { placementNeeds } from './placement-needs.ts';
import { placeOn, predictRate, type RatedTrainer } from './predict-rate.ts';
import type { RatedShard } from './rated-shard.ts';

/**
 * By what full trainings have lost (`npm run accept -- codecs`): int8 no more than chance, with fewer bytes than f16. f16
 * rounds each frame, which drowns the small errors of values that settle, and codecs that leave changes out lose some: they
 * are taken only where they are asked for by name.
 */
export const BY_LOSS: readonly BorderCodec[] = ['f32', 'int8'];
/** A codec that loses more has to be worth so much: less, predictions cannot tell. */
export const WORTH = 1.03;

/**
 * @param isAsync whether newer frames replace older ones: rates of such a schedule are not predicted
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
    const rate = rateOf(codec, shards, trainers, on);
    if (rate !== undefined && rate > (best?.rate ?? 0) * WORTH) best = { codec, rate };
  }
  return best?.codec ?? 'f32';
}

/** Batches a second of these trainers; nothing where they have not measured what they can do. */
export function rateOf(
  codec: BorderCodec,
  shards: readonly RatedShard[],
  trainers: readonly RatedTrainer[],
  on: readonly string[] | undefined,
): number | undefined {
  const { needs, pace } = placementNeeds(shards, codec);
  const bare = needs.map((need) => ({ ...need, memory: 0, flops: need.work.flops, bytes: 0 }));
  const { owners, problem } = placeOn(bare, trainers, { pace, ...(on ? { on } : {}) });
  return problem === undefined ? predictRate(shards, owners, trainers, codec)?.batchesPerSecond : undefined;
}
