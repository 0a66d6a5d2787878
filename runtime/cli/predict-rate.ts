/** How fast a training in shards will go on the trainers of a mesh, from what they have measured of themselves. */
import { countFlops } from '../../compiler/8-plan/cost.ts';
import type { Program } from '../../spec/program.ts';
import type { ShardSchedule } from '../../spec/schedule.ts';
import { type Modelled, type ModelMachine, modelRate } from '../roles/rate-model.ts';
import type { Capability } from '../wire/messages.ts';

export interface RatedShard {
  readonly program: Program;
  readonly schedule: ShardSchedule;
}

export interface RatedTrainer {
  readonly key: string;
  readonly name: string;
  readonly capability: Capability;
}

export interface Prediction {
  readonly batchesPerSecond: number;
  /** By shard, device work over time. */
  readonly busy: readonly number[];
  /** In words. */
  readonly limit: string;
}

const BYTES = { f32: 4, f16: 2 } as const;

/**
 * @param owners keys of trainers, by shard
 * @param microbatches the shards' whole batches divided into so many parts; absent: as their schedules have it
 * @returns nothing where a trainer has not measured what it can do
 */
export function predictRate(
  shards: readonly RatedShard[],
  owners: readonly string[],
  trainers: readonly RatedTrainer[],
  codec: 'f32' | 'f16' = 'f32',
  microbatches?: number,
): Prediction | undefined {
  const used = owners.map((key) => trainers.find((t) => t.key === key));
  if (used.some((t) => !t || t.capability.rate <= 0)) return undefined;
  const names = [...new Set(used.map((t) => t?.capability.machine ?? ''))];
  const machines = names.map((name): ModelMachine => {
    const own = trainers.find((t) => t.capability.machine === name)?.capability;
    return { name, cores: Math.max(1, own?.cores ?? 1), ...(own?.upload ? { upload: own.upload } : {}) };
  });
  const parts = microbatches ?? 1;
  const divided = shards.map(({ schedule, program }, i) => {
    const { capability } = used[i] as RatedTrainer;
    const flops = new Map(program.functions.map((f) => [f.name, countFlops(program, f)]));
    // One thread runs a shard, unless it is the only one: it has one core's share of what all of them do together.
    const rate = capability.rate / (shards.length === 1 ? 1 : Math.max(1, capability.cores));
    const call = capability.calls ? 1 / capability.calls : 0;
    return {
      program,
      schedule: microbatches === undefined ? schedule : inParts(schedule, parts),
      seconds: (segment: string) => (flops.get(segment) ?? 0) / parts / rate + call,
      machine: names.indexOf(capability.machine),
      trainer: trainers.findIndex((t) => t.key === owners[i]),
    };
  });
  const roundTrip = (trainer: number): number => (trainers[trainer]?.capability.roundTrip ?? 0) / 1000;
  const modelled = modelRate(divided, machines, {
    delay: (from, to) => (roundTrip(from) + roundTrip(to)) / 2,
    frame: 0,
    bytesPerValue: BYTES[codec] / parts,
  });
  return { batchesPerSecond: 1 / modelled.batch, busy: modelled.busy, limit: limitIn(modelled, machines) };
}

/** A weight step at the end is once in either case: it stays where it is, in the last stage. */
function inParts(schedule: ShardSchedule, microbatches: number): ShardSchedule {
  const functions = schedule.functions.map((f) => (f.name === 'train' ? { ...f, microbatches } : f));
  return { ...schedule, functions };
}

function limitIn({ limit, busy }: Modelled, machines: readonly ModelMachine[]): string {
  const { name } = machines[limit.machine] ?? { name: 'nobody' };
  if (limit.by === 'work') return `work of ${name}`;
  if (limit.by === 'upload') return `upload of ${name}`;
  const mean = busy.reduce((a, b) => a + b, 0) / Math.max(1, busy.length);
  return `delay between shards: they work ${Math.round(100 * mean)} % of the time`;
}
