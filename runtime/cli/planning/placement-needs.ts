/** Work that a placement is chosen by: of each shard in a batch, what it sends, and how much of it waits for the rest. */
import { secondsOfWork } from '../../roles/batch-time.ts';
import { type ModelShard, modelRate } from '../../simulation/rate-model.ts';
import type { BorderCodec } from '../../wire/codec.ts';
import { numberBytes } from '../../wire/codec-bytes.ts';
import type { BatchWork, Deployment, Sends } from '../../wire/deployment.ts';
import { inParts } from './predict-rate.ts';
import { batchWork, NOTHING, type RatedShard, shareOf } from './rated-shard.ts';

export interface PlacementNeeds {
  /** By shard. */
  readonly needs: readonly { readonly work: BatchWork; readonly sends: readonly Sends[] }[];
  readonly pace: NonNullable<Deployment['pace']>;
}

/** Some machine: of two shards it only matters which one has more to do. */
const SOME_MACHINE = {
  ...{ cores: 1, memory: 0, rate: 1e10, upload: 0, download: 0, machine: '' },
  costs: {
    ...{ call: 5e-5, value: 5e-6, valueByte: 1e-10, operation: 2e-6, byte: 2e-10, flop: 1e-10, stateByte: 0 },
    ...{ frame: 0, frameByte: 0, speedup: 1 },
  },
} as const;

/** @param division of the shards' whole batches; absent: as their schedules have it */
export function placementNeeds(
  shards: readonly RatedShard[],
  codec: BorderCodec,
  division?: { readonly microbatches: number; readonly ahead: number },
): PlacementNeeds {
  const parts = division?.microbatches ?? 1;
  const works = shards.map((shard) => batchWork(shard, division));
  const all = (seconds: ModelShard['seconds'][], delay: number) =>
    modelRate(
      shards.map(({ program, schedule }, i) => ({
        program,
        schedule: division ? inParts(schedule, parts, division.ahead) : schedule,
        seconds: seconds[i] ?? (() => 0),
        ...{ closing: 0, machine: i, trainer: i, place: i },
      })),
      shards.map((_, i) => ({ name: String(i), cores: 1 })),
      { places: [], delay: () => delay, frame: () => 0, number: numberBytes(codec, parts) },
    );
  const nothing = shards.map(() => () => 0);
  const sent = all(nothing, 1);
  const segments = shards.map(({ work }) => (name: string): number => {
    const run = shareOf(work.get(name) ?? NOTHING, parts);
    return secondsOfWork({ ...run, calls: 1, state: 0 }, SOME_MACHINE, false);
  });
  const worked = all(segments, 0);
  const total = works.reduce((sum, work) => sum + secondsOfWork({ ...work, state: 0 }, SOME_MACHINE, false), 0);
  const index = new Map(shards.map(({ schedule }, i) => [schedule.shard, i]));
  return {
    needs: works.map((work, from) => ({
      work,
      sends: sent.traffic
        .filter((t) => t.from === from)
        .map(({ to, bytes, frames, hops }) => ({ to: index.get(to) ?? to, bytes, frames, hops })),
    })),
    pace: { hops: sent.traffic.length > 0 ? sent.batch : 0, serial: total > 0 ? Math.min(1, worked.batch / total) : 1 },
  };
}
