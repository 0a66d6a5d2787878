/** Operations and bytes of a program, counted from the operator table. */
import { type Op, type Program, type ProgramFunction, type Shape, sizeOf } from '../../spec/program.ts';
import { slotMemory } from '../5-program/passes/slots.ts';
import { isOperator, operators } from '../operators/table.ts';

const BYTES = 4;

/** Floating-point operations of one run of a function, all ticks included. */
export function countFlops(program: Program, f: ProgramFunction): number {
  const shapes = new Map<string, Shape>(program.states.map((s) => [s.id, s.shape]));
  for (const input of f.inputs) shapes.set(input.id, input.shape);
  let total = 0;
  for (const block of f.blocks) {
    for (const scalar of block.scalars) shapes.set(scalar.id, []);
    for (const carry of block.carries) {
      shapes.set(carry.id, carry.shape);
      shapes.set(carry.result, carry.shape);
    }
    for (const op of block.ops) {
      shapes.set(op.id, op.shape);
      total += flopsOf(op, shapes) * block.repeat;
    }
  }
  return total;
}

function flopsOf(op: Op, shapes: ReadonlyMap<string, Shape>): number {
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
