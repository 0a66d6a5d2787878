/** The rate of one trainer that has a training to itself: a cut over several has to be faster. */

import type { BorderCodec } from '../../wire/codec.ts';
import { predictPlaced, type RatedTrainer } from './predict-rate.ts';
import type { RatedShard, TrainingLength } from './rated-shard.ts';

export interface Alone {
  readonly trainer: string;
  /** In so many shards on that one trainer. */
  readonly shards: number;
  readonly batchesPerSecond: number;
}

/**
 * The fastest trainer that has room for everything; nothing where there is none, or none has measured what it can do.
 *
 * @param shards as the training is cut; @param whole the same in one shard, where the model is at hand
 * @param memory bytes of all shards together
 */
export function aloneRate(
  shards: readonly RatedShard[],
  whole: RatedShard | undefined,
  memory: number,
  trainers: readonly RatedTrainer[],
  codec: BorderCodec,
  data?: TrainingLength,
): Alone | undefined {
  let best: Alone | undefined;
  for (const trainer of trainers) {
    if (trainer.capability.memory < memory) continue;
    for (const cut of whole && shards.length > 1 ? [[whole], shards] : [shards]) {
      const owners = cut.map(() => trainer.key);
      const found = predictPlaced({ shards: cut, owners, trainers: [trainer], codec, data });
      if (found && found.batchesPerSecond > (best?.batchesPerSecond ?? 0))
        best = { trainer: trainer.name, shards: cut.length, batchesPerSecond: found.batchesPerSecond };
    }
  }
  return best;
}
