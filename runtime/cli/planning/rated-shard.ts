/** A shard as its costs are counted: what each function of its program does, and what all of a batch together is. */
import { countWork, type Work } from '../../../compiler/5-program/cost.ts';
import { TRAIN } from '../../../spec/names.ts';
import { type Program, sizeOf } from '../../../spec/program.ts';
import type { ShardSchedule, Stage } from '../../../spec/schedule.ts';
import { MAX_HELD_COLUMN_BYTES } from '../../net/disk-columns.ts';
import type { RunLengths } from '../../training/calls.ts';
import { type BatchWork, ELEMENT_BYTES } from '../../wire/deployment.ts';
import type { Capability } from '../../wire/messages.ts';
import { isShort } from '../compiling/short-programs.ts';

/** Samples of a training, each of so many elements where they are sequences. */
export type TrainingLength = Pick<RunLengths, 'train' | 'sequence'>;

export interface RatedShard {
  readonly program: Program;
  readonly schedule: ShardSchedule;
  /** Of each function of the program. */
  readonly work: ReadonlyMap<string, Work>;
  /** Bytes of its state. */
  readonly state: number;
  /** A trainer runs it in the thread that has its frames. */
  readonly short: boolean;
}

const BYTES = 4;

export function rated({ program, schedule }: Pick<RatedShard, 'program' | 'schedule'>): RatedShard {
  const work = new Map(program.functions.map((f) => [f.name, countWork(program, f)]));
  const state = BYTES * program.states.reduce((sum, s) => sum + sizeOf(s.shape), 0);
  return { program, schedule, work, state, short: isShort(program) };
}

export const NOTHING: Work = { flops: 0, operations: 0, bytes: 0, values: 0, valueBytes: 0 };

/** Of one run, of which data are divided into `parts`. */
export function shareOf(work: Work, parts: number): Work {
  const { flops, bytes, farBytes = 0, valueBytes, farValueBytes = 0 } = work;
  const moved = { bytes: bytes / parts, farBytes: farBytes / parts };
  const handed = { valueBytes: valueBytes / parts, farValueBytes: farValueBytes / parts };
  return { ...work, flops: flops / parts, ...moved, ...handed };
}

/** Walking through longer schedules takes longer than an answer may. */
export const MAX_SEGMENTS = 20_000;

/** That a batch goes through, in all shards. */
export function segmentsOf(shards: readonly Pick<RatedShard, 'schedule'>[]): number {
  return shards.reduce((sum, { schedule }) => sum + segmentsIn(schedule), 0);
}

function segmentsIn({ functions }: ShardSchedule): number {
  const train = functions.find(({ name }) => name === TRAIN);
  const once = train?.stages.reduce((sum, { repeat, segments }) => sum + repeat * segments.length, 0) ?? 0;
  return once * (train?.microbatches ?? 1);
}

/** Bytes of the samples of a batch that the shard is fed. */
export function sampleBytes({ schedule }: Pick<RatedShard, 'schedule'>): number {
  const { batch = 0, microbatches = 1, inputs = [] } = schedule.functions.find(({ name }) => name === TRAIN) ?? {};
  const bytes = inputs.reduce((sum, { type, shape }) => sum + sizeOf(shape) * ELEMENT_BYTES[type], 0);
  return batch * microbatches * bytes;
}

/** Rows of a batch that the shard is fed from columns which are too large for memory, a row of each for every sample. */
export function diskRows({ schedule }: Pick<RatedShard, 'schedule'>, data: TrainingLength | undefined): number {
  if (!data) return 0;
  const { batch = 0, microbatches = 1, inputs = [] } = schedule.functions.find(({ name }) => name === TRAIN) ?? {};
  const all = data.train.length * (data.sequence ?? 1);
  const onDisk = inputs.filter(({ type, shape }) => all * sizeOf(shape) * ELEMENT_BYTES[type] > MAX_HELD_COLUMN_BYTES);
  return batch * microbatches * onDisk.length;
}

/** Seconds before a batch that the shard does not compute: it is begun and ended, and its samples are picked out. */
export function feedingOf(
  shard: Pick<RatedShard, 'schedule'>,
  data: TrainingLength | undefined,
  { costs }: Pick<Capability, 'costs'>,
): number {
  const { batch = 0, sampleByte = 0, diskRow = 0 } = costs ?? {};
  return batch + sampleBytes(shard) * sampleByte + diskRows(shard, data) * diskRow;
}

/** Of all microbatches of one batch together. */
export function batchWork(
  { schedule, work, state }: RatedShard,
  division?: { readonly microbatches: number },
): BatchWork {
  const f = schedule.functions.find(({ name }) => name === TRAIN);
  const parts = division?.microbatches ?? 1;
  const times = parts > 1 ? parts : (f?.microbatches ?? 1);
  let sum: BatchWork = { calls: 0, flops: 0, operations: 0, bytes: 0, values: 0, valueBytes: 0, state };
  const add = (stages: readonly Stage[], often: number): void => {
    for (const { segments, repeat } of stages)
      for (const { run } of segments) {
        if (run === undefined) continue;
        const one = work.get(run);
        const n = often * repeat;
        const far = (sum.farBytes ?? 0) + (n * (one?.farBytes ?? 0)) / parts;
        const readBytes = (sum.readBytes ?? 0) + n * (one?.readBytes ?? 0);
        const farValueBytes = (sum.farValueBytes ?? 0) + (n * (one?.farValueBytes ?? 0)) / parts;
        sum = {
          ...(far > 0 ? { farBytes: far } : {}),
          ...(farValueBytes > 0 ? { farValueBytes } : {}),
          // Each part of a batch reads them.
          ...(readBytes > 0 ? { readBytes } : {}),
          calls: sum.calls + n,
          flops: sum.flops + (n * (one?.flops ?? 0)) / parts,
          operations: sum.operations + n * (one?.operations ?? 0),
          bytes: sum.bytes + (n * (one?.bytes ?? 0)) / parts,
          values: sum.values + n * (one?.values ?? 0),
          valueBytes: sum.valueBytes + (n * (one?.valueBytes ?? 0)) / parts,
          state,
        };
      }
  };
  add(f?.stages ?? [], times);
  add(f?.after ?? [], 1);
  return sum;
}
