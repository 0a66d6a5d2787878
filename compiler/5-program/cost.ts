/** Operations and bytes of a program, counted from the operator table. */
import { farOf } from '../../spec/costs.ts';
import { type Op, type Program, type ProgramFunction, type Shape, sizeOf } from '../../spec/program.ts';
import { isOperator, type OperatorName, operators } from '../operators/table.ts';
import { slotMemory } from './passes/slots.ts';

const BYTES = 4;
/** Values of at least so many bytes come from memory each time. */
const FAR_BYTES = 8e6;
/** A core keeps no matrix of so many bytes from one product to the next. */
const READ_BYTES = 4e6;

/** Counted work of one run of a function, all ticks included. */
export interface Work {
  readonly flops: number;
  readonly operations: number;
  /** That operations write, in f32; as often as they go over them. */
  readonly bytes: number;
  /** Of these, in values that are larger than what a cache keeps of several; absent: none. */
  readonly farBytes?: number;
  /** Of large matrices that products read; absent: none. */
  readonly readBytes?: number;
  /** Inputs and results: handed over. */
  readonly values: number;
  /** In these. */
  readonly valueBytes: number;
  /** Of these, beyond what of each is near; absent: none. */
  readonly farValueBytes?: number;
}

export function countWork(program: Program, f: ProgramFunction): Work {
  const shapes = new Map<string, Shape>(program.states.map((s) => [s.id, s.shape]));
  for (const input of f.inputs) shapes.set(input.id, input.shape);
  let [flops, operations, elements, far, readBytes] = [0, 0, 0, 0, 0];
  for (const block of f.blocks) {
    for (const scalar of block.scalars) shapes.set(scalar.id, []);
    for (const carry of block.carries) {
      shapes.set(carry.id, carry.shape);
      shapes.set(carry.result, carry.shape);
    }
    for (const op of block.ops) {
      shapes.set(op.id, op.shape);
      const own = flopsOf(op, shapes);
      flops += own * block.repeat;
      const passed = passesOver(op, own) * block.repeat;
      elements += passed;
      if (PRODUCTS.has(op.op)) readBytes += readBy(op, shapes) * block.repeat;
      if (BYTES * sizeOf(op.shape) >= FAR_BYTES) far += passed;
    }
    operations += block.ops.length * block.repeat;
  }
  const handed = [
    ...f.inputs.map((i) => sizeOf(i.shape) * (i.type === 'u8' ? 1 : BYTES)),
    ...f.results.map((r) => sizeOf(shapes.get(r.value) ?? []) * BYTES),
  ];
  const farValueBytes = handed.reduce((sum, bytes) => sum + farOf(bytes), 0);
  return {
    flops,
    operations,
    bytes: BYTES * elements,
    ...(far > 0 ? { farBytes: BYTES * far } : {}),
    ...(readBytes > 0 ? { readBytes } : {}),
    values: handed.length,
    valueBytes: handed.reduce((sum, bytes) => sum + bytes, 0),
    ...(farValueBytes > 0 ? { farValueBytes } : {}),
  };
}

/** Floating-point operations of one run of a function, all ticks included. */
export function countFlops(program: Program, f: ProgramFunction): number {
  return countWork(program, f).flops;
}

/** More FLOPs for each value written go over what is read: its values are written once. */
const MAX_PASSES = 32;

/** They write each of their values once, however few FLOPs it takes: those of a small part of a batch have few. */
const PRODUCTS: ReadonlySet<string> = new Set<OperatorName>([
  'matmul',
  'conv2d',
  'conv_transpose2d',
  'conv2d_weight_gradient',
]);

/** Bytes of the large matrices that a product reads. */
function readBy({ args }: Op, shapes: ReadonlyMap<string, Shape>): number {
  const bytes = args.map((id) => BYTES * sizeOf(shapes.get(id) ?? []));
  return bytes.reduce((sum, each) => sum + (each >= READ_BYTES ? each : 0), 0);
}

/** Values times how often they are gone over: a function of each value is made of several operations on all of them. */
function passesOver(op: Op, flops: number): number {
  const size = sizeOf(op.shape);
  return PRODUCTS.has(op.op) || flops > MAX_PASSES * size ? size : Math.max(size, flops);
}

/** Floating-point operations of one operation. @param shapes of what it reads, by name */
export function flopsOf(op: Op, shapes: ReadonlyMap<string, Shape>): number {
  if (!isOperator(op.op)) return 0;
  const args = op.args.map((a) => shapes.get(a) ?? []);
  return operators[op.op].flops(args, op.shape, op.attributes);
}

/** Bytes of the states and of the largest function's buffers, in f32. */
export function countMemory(program: Program): number {
  const states = program.states.reduce((sum, s) => sum + sizeOf(s.shape), 0);
  const buffers = Math.max(0, ...program.functions.map((f) => slotMemory(f).elements));
  return (states + buffers) * BYTES;
}
