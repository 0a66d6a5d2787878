/**
 * The same shards as if their nodes were wider: sizes of data, those of batches, pixels, classes and steps, stay what
 * they are, and all others grow. What they do is counted anew: weights grow with both of their widths, or with one where
 * the other is that of data, and large matrices are read from memory that small ones never see.
 */
import { servesWeight, TRAIN } from '../../../spec/names.ts';
import type { Op, Program, ProgramFunction, Shape } from '../../../spec/program.ts';
import type { ShardSchedule } from '../../../spec/schedule.ts';
import type { BatchWork } from '../../wire/deployment.ts';
import { batchWork, type RatedShard, rated } from './rated-shard.ts';

/** Of kernels with a height and a width nothing says which sizes are those of nodes. */
const MAX_AXES = 2;

/** @returns nothing where it is not known which sizes are widths */
export function widerShards(shards: readonly RatedShard[], wider: number): readonly RatedShard[] | undefined {
  const states = shards.flatMap(({ program }) => program.states);
  if (states.some(({ shape }) => shape.length > MAX_AXES)) return undefined;
  const sizes = new Set(shards.flatMap(({ program, schedule }) => sizesOfData(program, schedule)));
  if (!states.some(({ shape }) => shape.some((size) => size > 1 && !sizes.has(size)))) return undefined;
  return shards.map(({ program, schedule }) =>
    rated({ program: widerProgram(program, sizes, wider), schedule: widerSchedule(schedule, sizes, wider) }),
  );
}

/** All in one shard, of which only the counts are known: they grow as those of its parts do together. */
export function grownWork(whole: BatchWork, shards: readonly RatedShard[], wide: readonly RatedShard[]): BatchWork {
  const sums = (of: readonly RatedShard[]) => {
    const works = of.map((shard) => batchWork(shard));
    return (count: (work: BatchWork) => number): number => works.reduce((sum, work) => sum + count(work), 0);
  };
  const [before, after] = [sums(shards), sums(wide)];
  const grown = (count: (work: BatchWork) => number): number => {
    const small = before(count);
    return small > 0 ? (count(whole) * after(count)) / small : after(count);
  };
  return {
    ...whole,
    flops: grown(({ flops }) => flops),
    bytes: grown(({ bytes }) => bytes),
    farBytes: grown(({ farBytes = 0 }) => farBytes),
    readBytes: grown(({ readBytes = 0 }) => readBytes),
    state: grown(({ state }) => state),
  };
}

/** Of values that are made of samples alone, but for the batch, which comes first. */
function sizesOfData({ functions }: Program, schedule: ShardSchedule): number[] {
  const train = schedule.functions.find(({ name }) => name === TRAIN);
  const fields = new Set(train?.inputs.map(({ name }) => name));
  return functions.flatMap((f) => sizesIn(f, fields));
}

function sizesIn({ inputs, blocks }: ProgramFunction, fields: ReadonlySet<string>): number[] {
  const made = new Map(inputs.flatMap(({ id, field, shape }) => (fields.has(field) ? [[id, shape] as const] : [])));
  const numbers = new Set<string>();
  for (const { scalars, ops } of blocks) {
    for (const { id } of scalars) numbers.add(id);
    for (const { id, args, shape } of ops) {
      if (shape.length === 0) numbers.add(id);
      else if (args.some((arg) => made.has(arg)) && args.every((arg) => made.has(arg) || numbers.has(arg)))
        made.set(id, shape);
    }
  }
  return [...made.values()].flatMap((shape) => shape.slice(1));
}

function widerProgram(program: Program, sizes: ReadonlySet<number>, wider: number): Program {
  const of = (shape: Shape, from: number): Shape => widerShape(shape, sizes, wider, from);
  return {
    ...program,
    states: program.states.map((state) => ({ ...state, shape: of(state.shape, 0) })),
    functions: program.functions.map((f) => ({
      ...f,
      inputs: f.inputs.map((input) => ({ ...input, shape: of(input.shape, 1) })),
      blocks: f.blocks.map((block) => ({
        ...block,
        carries: block.carries.map((carry) => ({ ...carry, shape: of(carry.shape, 1) })),
        ops: block.ops.map((op) => ({ ...op, shape: of(op.shape, isOfWeights(op) ? 0 : 1) })),
      })),
    })),
  };
}

/** It has no batch in front: it serves a weight, or is a sum over the batch that moves one. */
const isOfWeights = ({ origin, op, attributes }: Op): boolean =>
  servesWeight(origin) || (op === 'matmul' && attributes.ta === true);

function widerSchedule(schedule: ShardSchedule, sizes: ReadonlySet<number>, wider: number): ShardSchedule {
  const messages = schedule.messages.map((message) => ({
    ...message,
    values: message.values.map((value) => ({ ...value, shape: widerShape(value.shape, sizes, wider, 1) })),
  }));
  return { ...schedule, messages };
}

/** @param from the first axis that may grow */
function widerShape(shape: Shape, sizes: ReadonlySet<number>, wider: number, from: number): Shape {
  return shape.map((size, axis) => (axis < from || size <= 1 || sizes.has(size) ? size : Math.round(size * wider)));
}
