/** Operators that only move elements, and the product. */

import type { Attributes, Shape } from '../../spec/program.ts';
import { sameShape, sizeOf } from '../../spec/program.ts';
import { broadcastData, broadcastShapes, sumTo } from './broadcast.ts';
import { type Operator, ShapeError, showShape, type Value } from './operator.ts';
import { axisOf } from './reduction.ts';

const shapeAttribute = (a: Attributes): Shape => (Array.isArray(a.shape) ? (a.shape as readonly number[]) : []);

/** The permutation of all axes: `order` permutes the last axes, those before stay; the last two swap when absent. */
export function permutationOf(a: Attributes, rank: number): number[] {
  const order = Array.isArray(a.order) ? (a.order as readonly number[]) : [1, 0];
  if (order.length > rank) throw new ShapeError(`cannot transpose ${order.length} axes of a tensor of ${rank}`);
  if ([...order].sort((x, y) => x - y).some((axis, i) => axis !== i))
    throw new ShapeError(`[${order.join(', ')}] is not an order of axes`);
  const fixed = rank - order.length;
  return [...Array.from({ length: fixed }, (_, i) => i), ...order.map((axis) => axis + fixed)];
}

function inverse(order: readonly number[]): number[] {
  const result: number[] = [];
  order.forEach((axis, i) => {
    result[axis] = i;
  });
  return result;
}

interface MatrixShapes {
  readonly batch: Shape;
  readonly m: number;
  readonly k: number;
  readonly n: number;
}

/** Sizes of op(a) · op(b), leading axes broadcast. */
export function matrixShapes(a: Shape, b: Shape, attributes: Attributes): MatrixShapes {
  if (a.length < 2 || b.length < 2)
    throw new ShapeError(`matmul needs matrices, not ${showShape(a)} and ${showShape(b)}`);
  const [a0, a1] = a.slice(-2) as [number, number];
  const [b0, b1] = b.slice(-2) as [number, number];
  const [m, k] = attributes.ta === true ? [a1, a0] : [a0, a1];
  const [k2, n] = attributes.tb === true ? [b1, b0] : [b0, b1];
  if (k !== k2)
    throw new ShapeError(`a matrix of ${m} x ${k} cannot be multiplied by one of ${k2} x ${n}: ${k} is not ${k2}`);
  return { batch: broadcastShapes(a.slice(0, -2), b.slice(0, -2)), m, k, n };
}

function multiply(args: Parameters<Operator['reference']>[0], attributes: Attributes, shape: Shape): Float64Array {
  const [a, b] = args as [(typeof args)[0], (typeof args)[0]];
  const { batch, m, k, n } = matrixShapes(a.shape, b.shape, attributes);
  const left = broadcastData(a, [...batch, ...a.shape.slice(-2)]);
  const right = broadcastData(b, [...batch, ...b.shape.slice(-2)]);
  const result = new Float64Array(sizeOf(shape));
  for (let page = 0; page < sizeOf(batch); page++)
    for (let i = 0; i < m; i++)
      for (let j = 0; j < n; j++) {
        let sum = 0;
        for (let l = 0; l < k; l++) {
          const x = left[page * m * k + (attributes.ta === true ? l * m + i : i * k + l)] as number;
          const y = right[page * k * n + (attributes.tb === true ? j * k + l : l * n + j)] as number;
          sum += x * y;
        }
        result[(page * m + i) * n + j] = sum;
      }
  return result;
}

export const layoutOperators = {
  /** op(a) · op(b), where op transposes the last two axes if `ta`, `tb` say so. Leading axes broadcast. */
  matmul: {
    arity: 2,
    attributes: { ta: 'transpose a', tb: 'transpose b' },
    elementwise: false,
    shape: ([a, b], attributes) => {
      const { batch, m, n } = matrixShapes(a ?? [], b ?? [], attributes);
      return [...batch, m, n];
    },
    reference: multiply,
    derivative: (args, _y, g, e, { ta, tb }, wanted) => {
      const [a, b] = args as [Value, Value];
      const ofA = (): Value =>
        ta
          ? e.op('matmul', [b, g], { ta: tb === true, tb: true })
          : e.op('matmul', [g, b], { ta: false, tb: tb !== true });
      const ofB = (): Value =>
        tb
          ? e.op('matmul', [g, a], { ta: true, tb: ta === true })
          : e.op('matmul', [a, g], { ta: ta !== true, tb: false });
      return [
        wanted?.[0] === false ? null : sumTo(e, ofA(), a.shape),
        wanted?.[1] === false ? null : sumTo(e, ofB(), b.shape),
      ];
    },
    flops: ([a, b], _, attributes) => {
      const { batch, m, k, n } = matrixShapes(a ?? [], b ?? [], attributes);
      return 2 * sizeOf(batch) * m * k * n;
    },
  },
  transpose: {
    arity: 1,
    attributes: { order: 'new order of the last axes; the last two swap when absent' },
    elementwise: false,
    shape: ([x], a) => permutationOf(a, x?.length ?? 0).map((axis) => x?.[axis] ?? 1),
    reference: ([x], a, shape) => {
      const result = new Float64Array(sizeOf(shape));
      if (!x) return result;
      const order = permutationOf(a, x.shape.length);
      const strides = x.shape.map((_, i) => sizeOf(x.shape.slice(i + 1)));
      for (let e = 0; e < result.length; e++) {
        let rest = e;
        let from = 0;
        for (let axis = shape.length - 1; axis >= 0; axis--) {
          const n = shape[axis] as number;
          from += (rest % n) * (strides[order[axis] as number] as number);
          rest = Math.floor(rest / n);
        }
        result[e] = x.data[from] as number;
      }
      return result;
    },
    derivative: ([x], _y, g, e, a) => {
      if (!x) return [null];
      return [e.op('transpose', [g], { order: inverse(permutationOf(a, x.shape.length)) })];
    },
    flops: () => 0,
  },
  reshape: {
    arity: 1,
    attributes: { shape: 'new sizes', oneWay: 'no gradient is sent back' },
    elementwise: false,
    shape: ([x], a) => {
      const shape = shapeAttribute(a);
      if (sizeOf(shape) !== sizeOf(x ?? []))
        throw new ShapeError(
          `${showShape(x ?? [])} has ${sizeOf(x ?? [])} elements, ${showShape(shape)} has ${sizeOf(shape)}`,
        );
      return shape;
    },
    reference: ([x]) => Float64Array.from(x?.data ?? []),
    derivative: ([x], _y, g, e, a) => [x && a.oneWay !== true ? e.op('reshape', [g], { shape: [...x.shape] }) : null],
    flops: () => 0,
  },
  broadcast: {
    arity: 1,
    attributes: { shape: 'sizes to repeat to' },
    elementwise: false,
    shape: ([x], a) => {
      const shape = shapeAttribute(a);
      if (!sameShape(broadcastShapes(x ?? [], shape), shape))
        throw new ShapeError(`${showShape(x ?? [])} cannot be repeated to ${showShape(shape)}`);
      return shape;
    },
    reference: ([x], _, shape) => (x ? Float64Array.from(broadcastData(x, shape)) : new Float64Array(0)),
    derivative: ([x], _y, g, e) => [x ? sumTo(e, g, x.shape) : null],
    flops: () => 0,
  },
  /** Elements `from` … `from + size - 1` along one axis. */
  slice: {
    arity: 1,
    attributes: { axis: 'which axis', from: 'first element', size: 'how many' },
    elementwise: false,
    shape: ([x], a) => {
      const shape = x ?? [];
      const axis = axisOf(a, shape.length);
      const from = a.from as number;
      const size = a.size as number;
      if (from < 0 || size < 1 || from + size > (shape[axis] ?? 0))
        throw new ShapeError(
          `elements ${from} to ${from + size - 1} are not all within axis ${axis} of ${showShape(shape)}`,
        );
      return shape.map((n, i) => (i === axis ? size : n));
    },
    reference: ([x], a, shape) => {
      const result = new Float64Array(sizeOf(shape));
      if (!x) return result;
      const axis = axisOf(a, x.shape.length);
      const inner = sizeOf(x.shape.slice(axis + 1));
      const size = (a.size as number) * inner;
      const period = (x.shape[axis] as number) * inner;
      for (let i = 0; i * size < result.length; i++)
        result.set(
          x.data.subarray(i * period + (a.from as number) * inner, i * period + (a.from as number) * inner + size),
          i * size,
        );
      return result;
    },
    derivative: ([x], _y, g, e, a) => {
      if (!x) return [null];
      const axis = axisOf(a, x.shape.length);
      const after = (x.shape[axis] as number) - (a.from as number) - (a.size as number);
      return [e.op('pad', [g], { axis, before: a.from as number, after })];
    },
    flops: () => 0,
  },
  /** Zeros before and after along one axis. */
  pad: {
    arity: 1,
    attributes: { axis: 'which axis', before: 'zeros before', after: 'zeros after' },
    elementwise: false,
    shape: ([x], a) => {
      const axis = axisOf(a, x?.length ?? 0);
      return (x ?? []).map((n, i) => (i === axis ? n + (a.before as number) + (a.after as number) : n));
    },
    reference: ([x], a, shape) => {
      const result = new Float64Array(sizeOf(shape));
      if (!x) return result;
      const axis = axisOf(a, x.shape.length);
      const inner = sizeOf(x.shape.slice(axis + 1));
      const size = (x.shape[axis] as number) * inner;
      const period = (shape[axis] as number) * inner;
      for (let i = 0; i * size < x.data.length; i++)
        result.set(x.data.subarray(i * size, (i + 1) * size), i * period + (a.before as number) * inner);
      return result;
    },
    derivative: ([x], _y, g, e, a) => {
      if (!x) return [null];
      const axis = axisOf(a, x.shape.length);
      return [e.op('slice', [g], { axis, from: a.before as number, size: x.shape[axis] as number })];
    },
    flops: () => 0,
  },
  concatenate: {
    arity: 'many',
    attributes: { axis: 'which axis' },
    elementwise: false,
    shape: (args, a) => {
      const first = args[0] ?? [];
      const axis = axisOf(a, first.length);
      for (const other of args)
        if (other.length !== first.length || other.some((n, i) => i !== axis && n !== first[i]))
          throw new ShapeError(`${showShape(first)} and ${showShape(other)} cannot be joined along axis ${axis}`);
      return first.map((n, i) => (i === axis ? args.reduce((sum, s) => sum + (s[axis] as number), 0) : n));
    },
    reference: (args, a, shape) => {
      const result = new Float64Array(sizeOf(shape));
      const axis = axisOf(a, shape.length);
      const inner = sizeOf(shape.slice(axis + 1));
      const period = (shape[axis] as number) * inner;
      let offset = 0;
      for (const x of args) {
        const size = (x.shape[axis] as number) * inner;
        for (let i = 0; i * size < x.data.length; i++)
          result.set(x.data.subarray(i * size, (i + 1) * size), i * period + offset);
        offset += size;
      }
      return result;
    },
    derivative: (args, y, g, e, a) => {
      const axis = axisOf(a, y.shape.length);
      let from = 0;
      return args.map((x) => {
        const size = x.shape[axis] as number;
        const part = e.op('slice', [g], { axis, from, size });
        from += size;
        return part;
      });
    },
    flops: () => 0,
  },
} satisfies Record<string, Operator>;
