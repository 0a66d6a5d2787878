/** Lifts an operation to values that are pages: attributes that count axes count one more. */
import type { Attributes, Op } from '../../../spec/program.ts';
import { isOperator, operators } from '../../operators/table.ts';

const lifted: Readonly<Record<string, (op: Op, rank: number, pages: number) => Attributes>> = {
  matmul: (op) => op.attributes,
  transpose: (op) => op.attributes,
  reshape: (op, _rank, pages) => ({ shape: [pages, ...op.shape] }),
  broadcast: (op, _rank, pages) => ({ shape: [pages, ...op.shape] }),
  sum: reduced,
  mean: reduced,
  amax: reduced,
  softmax: onAxis,
  log_softmax: onAxis,
  argmax: onAxis,
  slice: onAxis,
  pad: onAxis,
  concatenate: onAxis,
  layer_norm: (op) => op.attributes,
  one_hot: (op) => op.attributes,
  scatter_matrix: (op) => op.attributes,
  gather_matrix: (op) => op.attributes,
};

function reduced(op: Op, rank: number): Attributes {
  const axes = Array.isArray(op.attributes.axes)
    ? (op.attributes.axes as readonly number[])
    : Array.from({ length: rank }, (_, i) => i);
  return { ...op.attributes, axes: axes.map((axis) => (axis < 0 ? axis : axis + 1)) };
}

function onAxis({ attributes }: Op): Attributes {
  return typeof attributes.axis === 'number' && attributes.axis >= 0
    ? { ...attributes, axis: attributes.axis + 1 }
    : attributes;
}

/** Whether one operation on pages does what one operation per page does. */
export function canLift(op: Op): boolean {
  const draws = op.op === 'noise' || op.op === 'chance';
  return Object.hasOwn(lifted, op.op) || (isOperator(op.op) && operators[op.op].elementwise && !draws);
}

/** @param rank of the first argument of one element */
export function liftAttributes(op: Op, rank: number, pages: number): Attributes {
  return lifted[op.op]?.(op, rank, pages) ?? op.attributes;
}

/** Arguments whose axes are counted from the first: all have the page axis in front, whatever their rank. */
export function alignsArguments(op: Op): boolean {
  return op.op === 'matmul' || op.op === 'broadcast' || (isOperator(op.op) && operators[op.op].elementwise);
}
