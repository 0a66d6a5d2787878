/**
 * What a trainer does for a batch of a shard beside the shard's runs and frames: its samples are picked out of their
 * columns, the batch is begun, counted, recorded and told of. Batches of samples with few and with many bytes are run one
 * after the other by a trainer's driver, and nothing is worked out of them.
 */
import type { Costs } from '../../../spec/costs.ts';
import { gradientName, LANE, STEP, TRAIN } from '../../../spec/names.ts';
import type { Program, ProgramFunction } from '../../../spec/program.ts';
import type { Device } from '../../device/device.ts';
import type { ShardSource } from '../../shard/shards.ts';
import { wholeSchedule } from '../../shard/whole.ts';
import type { BorderEnd, Fed } from './border-end.ts';
import { formsOf } from './measure.ts';
import { op } from './programs.ts';
import type { RoundTime } from './round-time.ts';

export const SAMPLES = 128;
/** Bytes of a sample. */
const [FEW, MANY] = [16, 4096] as const;
export const SAMPLE_BYTES = SAMPLES * (MANY - FEW);
/** Values of a state, and their bytes beyond a single one. */
const STATE = 256 * 1024;
export const STATE_BYTES = 4 * (STATE - 1);

export interface BatchTimes {
  /** Seconds of processors of a batch. */
  readonly few: number;
  readonly many: number;
  /** With a commitment behind each, of hardly any state, and of much. */
  readonly committed: number;
  readonly large: number;
  /** Seconds by the clock of a batch of a training's only shard, with few bytes and no commitment. */
  readonly alone: number;
}

export type BatchCosts = Required<Pick<Costs, 'batch' | 'sampleByte' | 'commit' | 'recordByte' | 'aloneBatch'>>;

/** More is other work of the machine: threads that wake each other wait no longer than that. */
const MAX_LAG = 3;

/** Of the threads that share batches, which have just begun: until their code is compiled. */
const WARM_BATCHES = 500;

/** @param time measures a batch of a run that goes on meanwhile, behind so many others */
export async function batchTimes(
  device: Device,
  end: BorderEnd,
  time: (batches: () => number, failure: () => string | undefined, warm?: number) => Promise<RoundTime>,
): Promise<BatchTimes> {
  const timeOf = async (run: string, program: Program, bytes: number, more: Pick<Fed, 'commits' | 'alone'>) => {
    const column = { name: 'x', type: 'u8' as const, shape: [bytes] };
    const source = await sourceOf(device, program, !more.alone);
    end.start(run, [await end.load(run, source, { batch: SAMPLES, column, ...more })]);
    try {
      return await time(
        () => end.batches(run),
        () => end.failure(run),
        more.alone ? WARM_BATCHES : undefined,
      );
    } finally {
      end.release(run);
    }
  };
  const of = async (bytes: number, state: number, commits: boolean): Promise<number> => {
    const run = `batches-${bytes}-${state}-${commits}`;
    return (await timeOf(run, programOf(bytes, state), bytes, { commits, alone: false })).processor;
  };
  const alone = await timeOf('batches-alone', sharedProgram(FEW), FEW, { commits: false, alone: true });
  return {
    alone: alone.processor + Math.min(alone.lag, MAX_LAG * alone.processor),
    few: await of(FEW, 1, false),
    many: await of(MANY, 1, false),
    committed: await of(FEW, 1, true),
    large: await of(FEW, STATE, true),
  };
}

/** Of two measurements, of each the one that other work disturbed less. */
export function lesser(one: BatchTimes, other: BatchTimes): BatchTimes {
  return {
    few: Math.min(one.few, other.few),
    many: Math.min(one.many, other.many),
    committed: Math.min(one.committed, other.committed),
    large: Math.min(one.large, other.large),
    alone: Math.min(one.alone, other.alone),
  };
}

/** @param here seconds of a run where frames come and go @param stateByte of a byte that is read and hashed */
export function costsOfBatches(
  { few, many, committed, large, alone }: BatchTimes,
  here: number,
  stateByte: number,
): BatchCosts {
  const sampleByte = Math.max(0, many - few) / SAMPLE_BYTES;
  const recorded = Math.max(0, large - committed) / STATE_BYTES;
  return {
    batch: Math.max(0, few - here - SAMPLES * FEW * sampleByte),
    sampleByte,
    commit: Math.max(0, committed - few),
    recordByte: Math.max(0, recorded - stateByte),
    aloneBatch: Math.max(0, alone - SAMPLES * FEW * sampleByte),
  };
}

async function sourceOf(device: Device, program: Program, short: boolean): Promise<ShardSource> {
  const executable = { program, files: await formsOf(device, program), short };
  return { executable, schedule: wholeSchedule(program) };
}

/** It reads a sample, and leaves a number as it is. */
function programOf(bytes: number, state: number): Program {
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
  const init = { kind: 'constant', value: 0.5 } as const;
  const states = [{ id: 'weights', shape: [state], role: 'parameter' as const, init }];
  return { name: 'batches', states, functions: [f] };
}

/** The same in two parts, as threads share a batch: each takes half of the samples, and both move the weights. */
export function sharedProgram(bytes: number): Program {
  const { name, states, functions } = programOf(bytes, bytes);
  const [train] = functions as [ProgramFunction];
  const [half, id] = [[SAMPLES / 2, bytes], gradientName('weights')];
  const moved = op('moved', 'add', ['weights', id], [bytes]);
  const ofStep = { name: 'work', repeat: 1, firstTick: 0, scalars: [], carries: [], ops: [moved] };
  return {
    ...{ name, states },
    functions: [
      ...functions,
      {
        ...{ ...train, name: LANE, role: 'lane', batch: SAMPLES / 2 },
        inputs: train.inputs.map((input) => ({ ...input, shape: half })),
        blocks: train.blocks.map((block) => ({
          ...block,
          ops: [
            ...block.ops,
            op('all', 'sum', ['x'], [bytes], { axes: [0] }),
            op('moves', 'mul', ['all', 'half'], [bytes]),
          ],
        })),
        results: [...train.results, { name: id, value: 'moves' }],
      },
      {
        ...{ ...train, name: STEP, role: 'step', blocks: [ofStep], results: [] },
        inputs: [{ id, field: id, type: 'f32', shape: [bytes] }],
        updates: [{ state: 'weights', value: 'moved' }],
      },
    ],
  };
}
