/** Broadcasting: shapes are aligned at their last axis; an axis of size 1 is repeated. */

import type { Shape } from '../../spec/program.ts';
import { sameShape, sizeOf } from '../../spec/program.ts';
import { type Emit, type ReferenceTensor, ShapeError, showShape, type Value } from './operator.ts';

export function broadcastShapes(a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  const result: number[] = [];
  for (let i = 0; i < rank; i++) {
    const x = a[a.length - rank + i] ?? 1;
    const y = b[b.length - rank + i] ?? 1;
    if (x !== y && x !== 1 && y !== 1)
      throw new ShapeError(`${showShape(a)} and ${showShape(b)} do not fit each other`);
    result.push(x === 1 ? y : x);
  }
  return result;
}

/** For each element of `shape`, the offset of the element of `from` that it reads. */
export function broadcastOffsets(from: Shape, shape: Shape): Int32Array {
  const strides: number[] = [];
  let stride = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    const n = from[from.length - shape.length + i] ?? 1;
    strides[i] = n === 1 ? 0 : stride;
    stride *= n;
  }
  const offsets = new Int32Array(sizeOf(shape));
  const index = new Array<number>(shape.length).fill(0);
  let offset = 0;
  for (let e = 0; e < offsets.length; e++) {
    offsets[e] = offset;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis] = (index[axis] as number) + 1;
      offset += strides[axis] as number;
      if ((index[axis] as number) < (shape[axis] as number)) break;
      offset -= (strides[axis] as number) * (shape[axis] as number);
      index[axis] = 0;
    }
  }
  return offsets;
}

/** The tensor's elements laid out as `shape`. */
export function broadcastData(tensor: ReferenceTensor, shape: Shape): Float64Array {
  const size = sizeOf(shape);
  if (tensor.data.length === size) return tensor.data;
  const data = new Float64Array(size);
  if (tensor.data.length === 1) return data.fill(tensor.data[0] as number);
  const offsets = broadcastOffsets(tensor.shape, shape);
  for (let i = 0; i < size; i++) data[i] = tensor.data[offsets[i] as number] as number;
  return data;
}

/** Sums a gradient over the axes along which an argument of `shape` was repeated. */
export function sumTo(emit: Emit, gradient: Value, shape: Shape): Value {
  const extra = gradient.shape.length - shape.length;
  const axes: number[] = [];
  gradient.shape.forEach((n, axis) => {
    if (axis < extra || (n !== 1 && shape[axis - extra] === 1)) axes.push(axis);
  });
  if (axes.length === 0) return gradient;
  const summed = emit.op('sum', [gradient], { axes, keep: false });
  return sameShape(summed.shape, shape) ? summed : emit.op('reshape', [summed], { shape: [...shape] });
}
