/** What the processors of all trainers do for a predicted batch: which cost is wrong shows where a prediction is. */
import { type CountedSeconds, countedSeconds, type Running } from '../../../spec/costs.ts';
import type { Modelled } from '../../simulation/rate-model.ts';
import type { Capability } from '../../wire/messages.ts';
import { batchWork, feedingOf, type RatedShard, type TrainingLength } from './rated-shard.ts';

/** Seconds of a batch. */
export interface WorkPieces extends CountedSeconds {
  /** Of trainers that have not measured what their work is made of. */
  readonly uncounted: number;
  /** Batches begun and ended, and their samples picked out. */
  readonly batches: number;
  readonly commitments: number;
  readonly frames: number;
  /** From one shard of a trainer to another one. */
  readonly handovers: number;
  /** Signed behind each call by both ends of a border, and checked. */
  readonly windows: number;
  /** Stretches of others, done again. */
  readonly audits: number;
  /** Cores that slow each other down. */
  readonly crowding: number;
  /** What threads do beside the first one where they share the batches of the only shard. */
  readonly threads: number;
}

const NOTHING: CountedSeconds = { runs: 0, handed: 0, operations: 0, bytes: 0, products: 0 };

interface Divided {
  readonly shards: readonly RatedShard[];
  readonly division?: { readonly microbatches: number };
  readonly data?: TrainingLength | undefined;
}

/** @param capabilities and `runnings` by shard */
export function workPieces(
  { shards, division, data }: Divided,
  { spent, processors }: Pick<Modelled, 'spent' | 'processors'>,
  capabilities: readonly Pick<Capability, 'costs'>[],
  runnings: readonly Running[],
): Omit<WorkPieces, 'threads'> {
  let [counted, batches] = [NOTHING, 0];
  for (const [i, shard] of shards.entries()) {
    const { costs } = capabilities[i] ?? {};
    if (!costs) continue;
    counted = sumOf(counted, countedSeconds(batchWork(shard, division), costs, runnings[i] ?? 'shard'));
    batches += feedingOf(shard, data, { costs });
  }
  const { segments, closing, frames, handovers, windows, beside } = spent;
  const { runs, handed, operations, bytes, products } = counted;
  return {
    ...counted,
    ...{ frames, handovers, windows, batches, audits: beside },
    uncounted: Math.max(0, segments - (runs + handed + operations + bytes + products)),
    commitments: Math.max(0, closing - batches),
    crowding: Math.max(0, processors - (segments + closing + frames + handovers + windows + beside)),
  };
}

function sumOf(one: CountedSeconds, other: CountedSeconds): CountedSeconds {
  return {
    runs: one.runs + other.runs,
    handed: one.handed + other.handed,
    operations: one.operations + other.operations,
    bytes: one.bytes + other.bytes,
    products: one.products + other.products,
  };
}
