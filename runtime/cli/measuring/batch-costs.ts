/**
 * What a trainer does for a batch of a shard beside the shard's runs and frames: its samples are picked out of their
 * columns, the batch is begun, counted, recorded and told of. Batches of samples with few and with many bytes are run one
 * after the other by a trainer's driver, and nothing is worked out of them.
 */
import type { Costs } from '../../../spec/costs.ts';
import { type OpOrigin, TRAIN } from '../../../spec/names.ts';
import type { Op, Program, Shape } from '../../../spec/program.ts';
import type { Device } from '../../device/device.ts';
import type { ShardSource } from '../../shard/shards.ts';
import { wholeSchedule } from '../../shard/whole.ts';
import type { BorderEnd } from './border-end.ts';
import { formsOf } from './measure.ts';

export const SAMPLES = 128;
/** Bytes of a sample. */
const [FEW, MANY] = [16, 4096] as const;
export const SAMPLE_BYTES = SAMPLES * (MANY - FEW);

export interface BatchTimes {
  /** Seconds of processors of a batch. */
  readonly few: number;
  readonly many: number;
}

/** @param time measures seconds of processors for a batch of a run that goes on meanwhile */
export async function batchTimes(
  device: Device,
  end: BorderEnd,
  time: (batches: () => number, failure: () => string | undefined) => Promise<number>,
): Promise<BatchTimes> {
  const of = async (bytes: number): Promise<number> => {
    const run = `batches-${bytes}`;
    const column = { name: 'x', type: 'u8' as const, shape: [bytes] };
    end.start(run, [await end.load(run, await sourceOf(device, bytes), { batch: SAMPLES, column })]);
    try {
      return await time(
        () => end.batches(run),
        () => end.failure(run),
      );
    } finally {
      end.release(run);
    }
  };
  return { few: await of(FEW), many: await of(MANY) };
}

/** @param here seconds of a run where frames come and go */
export function costsOfBatches({ few, many }: BatchTimes, here: number): Required<Pick<Costs, 'batch' | 'sampleByte'>> {
  const sampleByte = Math.max(0, many - few) / SAMPLE_BYTES;
  return { batch: Math.max(0, few - here - SAMPLES * FEW * sampleByte), sampleByte };
}

async function sourceOf(device: Device, bytes: number): Promise<ShardSource> {
  const program = programOf(bytes);
  const executable = { program, files: await formsOf(device, program), short: true };
  return { executable, schedule: wholeSchedule(program) };
}

/** It reads a sample, and leaves a number as it is. */
function programOf(bytes: number): Program {
  const op = (
    id: string,
    kind: string,
    args: readonly string[],
    shape: Shape,
    attributes: Op['attributes'] = {},
  ): Op => ({
    ...{ id, op: kind, args, attributes, shape, origin: kind as OpOrigin },
  });
  const shape = [1, bytes];
  const ops = [
    op('half', 'constant', [], [], { value: 0.5 }),
    op('one', 'slice', ['x'], shape, { axis: 0, from: 0, size: 1 }),
    op('kept', 'mul', ['one', 'half'], shape),
  ];
  const f = {
    ...{ name: TRAIN, role: 'train' as const, batch: SAMPLES, updates: [] },
    inputs: [{ id: 'x', field: 'x', type: 'u8' as const, shape: [SAMPLES, bytes] }],
    blocks: [{ name: 'work', repeat: 1, firstTick: 0, scalars: [], carries: [], ops }],
    results: [{ name: 'kept', value: 'kept' }],
  };
  return { name: 'batches', states: [], functions: [f] };
}
