/** Operators that reduce or normalise along axes. Axes are counted from 0, or from the end when negative. */
import { append } from '../../spec/append.ts';
import type { Attributes, Shape } from '../../spec/program.ts';
import { sizeOf } from '../../spec/program.ts';
import { type Operator, type ReferenceTensor, ShapeError, showShape, type Value } from './operator.ts';

/** The attribute `axes` as sorted non-negative numbers; all axes when absent. */
export function axesOf(attributes: Attributes, rank: number): number[] {
  const given = attributes.axes;
  if (!Array.isArray(given)) return Array.from({ length: rank }, (_, i) => i);
  return given.map((axis: number) => normalAxis(axis, rank)).sort((a, b) => a - b);
}

/** The attribute `axis` (default: the last) as a non-negative number. */
export function axisOf(attributes: Attributes, rank: number): number {
  return normalAxis(typeof attributes.axis === 'number' ? attributes.axis : -1, rank);
}

function normalAxis(axis: number, rank: number): number {
  const normal = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(normal) || normal < 0 || normal >= rank)
    throw new ShapeError(`there is no axis ${axis} in a tensor of ${rank} axes`);
  return normal;
}

function reducedShape(shape: Shape, axes: readonly number[], keep: boolean): Shape {
  return keep ? shape.map((n, i) => (axes.includes(i) ? 1 : n)) : shape.filter((_, i) => !axes.includes(i));
}

/** Calls `visit` with the elements of each group that is reduced to one, in order. */
function groups(x: ReferenceTensor, axes: readonly number[], visit: (members: number[], group: number) => void): void {
  const kept = reducedShape(x.shape, axes, true);
  const members = new Map<number, number[]>();
  for (let e = 0; e < x.data.length; e++) {
    let rest = e;
    let group = 0;
    let stride = 1;
    for (let axis = x.shape.length - 1; axis >= 0; axis--) {
      const index = rest % (x.shape[axis] as number);
      rest = Math.floor(rest / (x.shape[axis] as number));
      if (!axes.includes(axis)) group += index * stride;
      stride *= kept[axis] as number;
    }
    append(members, group, e);
  }
  for (const [group, list] of members) visit(list, group);
}

/** Number that `layer_norm` adds to the variance. */
export function epsilonOf({ epsilon }: Attributes): number {
  if (epsilon === undefined) return 1e-5;
  if (typeof epsilon === 'number' && epsilon > 0) return epsilon;
  throw new ShapeError(`\`epsilon\` is a positive number, not ${String(epsilon)}`);
}

const REDUCE_ATTRIBUTES = { axes: 'axes to reduce, all when absent', keep: 'keep them with size 1' };

function reduction(
  f: (values: number[]) => number,
  derivative: (x: Value, y: Value, g: Value, count: number, e: Parameters<Operator['derivative']>[3]) => Value,
): Operator {
  return {
    arity: 1,
    attributes: REDUCE_ATTRIBUTES,
    elementwise: false,
    shape: ([x], a) => reducedShape(x ?? [], axesOf(a, x?.length ?? 0), a.keep === true),
    reference: ([x], a, shape) => {
      const result = new Float64Array(sizeOf(shape));
      if (x) groups(x, axesOf(a, x.shape.length), (m, group) => (result[group] = f(m.map((e) => x.data[e] as number))));
      return result;
    },
    derivative: ([x], y, g, e, a) => {
      if (!x) return [null];
      const axes = axesOf(a, x.shape.length);
      const shape = [...reducedShape(x.shape, axes, true)];
      const wide = (v: Value): Value => (a.keep === true ? v : e.op('reshape', [v], { shape }));
      return [derivative(x, wide(y), wide(g), sizeOf(x.shape) / Math.max(1, sizeOf(y.shape)), e)];
    },
    flops: (args) => sizeOf(args[0] ?? []),
  };
}

function alongAxis(f: (values: number[]) => number[], derivative: Operator['derivative']): Operator {
  return {
    arity: 1,
    attributes: { axis: 'axis that sums to one, the last when absent' },
    elementwise: false,
    shape: ([x], a) => {
      axisOf(a, x?.length ?? 0);
      return x ?? [];
    },
    reference: ([x], a, shape) => {
      const result = new Float64Array(sizeOf(shape));
      if (x)
        groups(x, [axisOf(a, x.shape.length)], (m) => {
          f(m.map((e) => x.data[e] as number)).forEach((v, i) => {
            result[m[i] as number] = v;
          });
        });
      return result;
    },
    derivative,
    flops: (_, shape) => 12 * sizeOf(shape),
  };
}

const logSumExp = (values: number[]): number => {
  const top = Math.max(...values);
  return top + Math.log(values.reduce((sum, v) => sum + Math.exp(v - top), 0));
};

export const reductionOperators = {
  sum: reduction(
    (v) => v.reduce((a, b) => a + b, 0),
    (x, _y, g, _n, e) => e.op('broadcast', [g], { shape: [...x.shape] }),
  ),
  mean: reduction(
    (v) => v.reduce((a, b) => a + b, 0) / v.length,
    (x, _y, g, n, e) => e.op('broadcast', [e.op('mul', [g, e.constant(1 / n)])], { shape: [...x.shape] }),
  ),
  /** The largest element; the gradient goes to every element that equals it. */
  amax: reduction(
    (v) => v.reduce((a, b) => Math.max(a, b), -Infinity),
    (x, y, g, _n, e) => e.op('mul', [e.op('equal', [x, y]), g]),
  ),
  softmax: alongAxis(
    (v) => {
      const total = logSumExp(v);
      return v.map((x) => Math.exp(x - total));
    },
    (_args, y, g, e, a) => {
      const axes = [axisOf(a, y.shape.length)];
      const inner = e.op('sum', [e.op('mul', [g, y])], { axes, keep: true });
      return [e.op('mul', [y, e.op('sub', [g, inner])])];
    },
  ),
  log_softmax: alongAxis(
    (v) => {
      const total = logSumExp(v);
      return v.map((x) => x - total);
    },
    (_args, y, g, e, a) => {
      const axes = [axisOf(a, y.shape.length)];
      const inner = e.op('sum', [g], { axes, keep: true });
      return [e.op('sub', [g, e.op('mul', [e.op('exp', [y]), inner])])];
    },
  ),
  /**
   * (x - mean) / sqrt(variance + epsilon) along the last axis (Ba et al. 2016, equation 4, without gain and bias);
   * gradient: (g - mean(g) - y mean(g y)) / sqrt(variance + epsilon).
   */
  layer_norm: {
    arity: 1,
    attributes: { epsilon: 'added to the variance, 0.00001 when absent' },
    elementwise: false,
    shape: ([x], a) => {
      axisOf({}, x?.length ?? 0);
      epsilonOf(a);
      return x ?? [];
    },
    reference: ([x], a, shape) => {
      const result = new Float64Array(sizeOf(shape));
      if (!x) return result;
      const n = shape[shape.length - 1] as number;
      for (let from = 0; from < result.length; from += n) {
        const row = x.data.subarray(from, from + n);
        const mean = row.reduce((sum, v) => sum + v, 0) / n;
        const variance = row.reduce((sum, v) => sum + (v - mean) ** 2, 0) / n;
        result.set(
          row.map((v) => (v - mean) / Math.sqrt(variance + epsilonOf(a))),
          from,
        );
      }
      return result;
    },
    derivative: ([x], y, g, e, a) => {
      if (!x) return [null];
      const mean = (v: Value): Value => e.op('mean', [v], { axes: [x.shape.length - 1], keep: true });
      const centred = e.op('sub', [x, mean(x)]);
      const deviation = e.op('sqrt', [e.op('add', [mean(e.op('square', [centred])), e.constant(epsilonOf(a))])]);
      const along = e.op('mul', [y, mean(e.op('mul', [g, y]))]);
      return [e.op('div', [e.op('sub', [e.op('sub', [g, mean(g)]), along]), deviation])];
    },
    flops: (_, shape) => 8 * sizeOf(shape),
  },
  /** Position of the largest element along `axis`, which is dropped; the first of equals. */
  argmax: {
    arity: 1,
    attributes: { axis: 'axis to search, the last when absent' },
    elementwise: false,
    shape: ([x], a) => reducedShape(x ?? [], [axisOf(a, x?.length ?? 0)], false),
    reference: ([x], a, shape) => {
      const result = new Float64Array(sizeOf(shape));
      if (x)
        groups(x, [axisOf(a, x.shape.length)], (m, group) => {
          let best = 0;
          m.forEach((e, i) => {
            if ((x.data[e] as number) > (x.data[m[best] as number] as number)) best = i;
          });
          result[group] = best;
        });
      return result;
    },
    derivative: () => [null],
    flops: (args) => sizeOf(args[0] ?? []),
  },
  /** 1 at the position that the value names along a new last axis of size `depth`, else 0. */
  one_hot: {
    arity: 1,
    attributes: { depth: 'size of the new last axis' },
    elementwise: false,
    shape: ([x], a) => {
      if (typeof a.depth !== 'number' || !Number.isInteger(a.depth) || a.depth < 1)
        throw new ShapeError(
          `one_hot needs a whole number of classes, not ${String(a.depth)} (of ${showShape(x ?? [])})`,
        );
      return [...(x ?? []), a.depth];
    },
    reference: ([x], a, shape) => {
      const depth = a.depth as number;
      const result = new Float64Array(sizeOf(shape));
      x?.data.forEach((v, i) => {
        if (v >= 0 && v < depth) result[i * depth + Math.floor(v)] = 1;
      });
      return result;
    },
    derivative: () => [null],
    flops: (_, shape) => sizeOf(shape),
  },
} satisfies Record<string, Operator>;
