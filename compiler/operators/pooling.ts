/** Pooling over pictures with channels last: one number for each window and channel. */
import type { Attributes, Shape } from '../../spec/program.ts';
import { sizeOf } from '../../spec/program.ts';
import { type Operator, type ReferenceTensor, ShapeError, showShape } from './operator.ts';
import {
  countWindows,
  eachPlace,
  type Pair,
  type Picture,
  pairOf,
  pictureOf,
  WINDOW_ATTRIBUTES,
  type Windows,
  windowsOf,
} from './window.ts';

const ATTRIBUTES = {
  window: 'places of a window: one number, or [height, width]',
  ...WINDOW_ATTRIBUTES,
  stride: 'places between windows; as many as a window has when absent',
};

export interface Pooling {
  readonly x: Picture;
  readonly windows: Windows;
  /** Windows along the height and along the width. */
  readonly count: Pair;
}

export function poolingOf(x: Shape, attributes: Attributes): Pooling {
  const picture = pictureOf(x);
  const window = pairOf(attributes, 'window', 1);
  const windows = windowsOf({ ...attributes, stride: attributes.stride ?? window }, window);
  return { x: picture, windows, count: countWindows(picture.size, windows) };
}

/** The picture that a gradient of `average_pool2d` belongs to. */
export function spreadOf(y: Shape, attributes: Attributes): Pooling {
  const counted = pictureOf(y);
  const size = pairOf(attributes, 'size', 1);
  const pooling = poolingOf([...counted.front, ...size, counted.channels], attributes);
  if (pooling.count.some((n, i) => n !== counted.size[i]))
    throw new ShapeError(`${showShape(y)} is not what windows over ${size.join(' x ')} places give`);
  return pooling;
}

const pooledShape = ({ x, count }: Pooling): Shape => [...x.front, ...count, x.channels];

/**
 * Calls `visit` with the offsets of each window's element and of each element under it, in the order of the picture.
 */
function eachPair({ x, windows, count }: Pooling, visit: (iy: number, ix: number) => void): void {
  for (let page = 0; page < x.pages; page++)
    eachPlace(x.size, windows, (oy, ox, _ky, _kx, py, px) => {
      for (let c = 0; c < x.channels; c++)
        visit(
          (page * sizeOf(count) + oy * count[1] + ox) * x.channels + c,
          (page * sizeOf(x.size) + py * x.size[1] + px) * x.channels + c,
        );
    });
}

/** For each window the offset of its largest element; the first of equals. */
function largest(x: ReferenceTensor, attributes: Attributes): Int32Array {
  const pooling = poolingOf(x.shape, attributes);
  const best = new Int32Array(sizeOf(pooledShape(pooling))).fill(-1);
  eachPair(pooling, (iy, ix) => {
    const known = best[iy] as number;
    const [found, top] = [x.data[ix] as number, x.data[known] as number];
    // NaN counts as the largest.
    if (known < 0 || found > top || (Number.isNaN(found) && !Number.isNaN(top))) best[iy] = ix;
  });
  return best;
}

const areaOf = (attributes: Attributes): number => sizeOf(pairOf(attributes, 'window', 1));

export const poolingOperators = {
  /** The largest element of each window; what lies outside the picture never is. */
  max_pool2d: {
    arity: 1,
    attributes: ATTRIBUTES,
    elementwise: false,
    shape: ([x], a) => pooledShape(poolingOf(x ?? [], a)),
    reference: ([x], a) => (x ? Float64Array.from(largest(x, a), (i) => x.data[i] as number) : new Float64Array(0)),
    derivative: ([x], _y, g, e, a) => [x ? e.op('max_pool2d_gradient', [x, g], a) : null],
    flops: (_, shape, a) => sizeOf(shape) * areaOf(a),
  },
  /** Each window's gradient goes to its largest element, the first of equals; only ever read in a first derivative. */
  max_pool2d_gradient: {
    arity: 2,
    attributes: ATTRIBUTES,
    elementwise: false,
    internal: true,
    linear: [1],
    shape: ([x, g], a) => {
      const wanted = pooledShape(poolingOf(x ?? [], a));
      if (wanted.length !== g?.length || wanted.some((n, i) => n !== g[i]))
        throw new ShapeError(`${showShape(g ?? [])} is not what windows over ${showShape(x ?? [])} give`);
      return x ?? [];
    },
    reference: (args, a, shape) => {
      const [x, g] = args as [ReferenceTensor, ReferenceTensor];
      const result = new Float64Array(sizeOf(shape));
      largest(x, a).forEach((ix, iy) => {
        result[ix] = (result[ix] as number) + (g.data[iy] as number);
      });
      return result;
    },
    derivative: () => [null, null],
    flops: ([, g], _, a) => sizeOf(g ?? []) * areaOf(a),
  },
  /** The mean of each window, with zeros outside the picture. */
  average_pool2d: {
    arity: 1,
    attributes: ATTRIBUTES,
    elementwise: false,
    linear: [0],
    shape: ([x], a) => pooledShape(poolingOf(x ?? [], a)),
    reference: ([x], a, shape) => {
      const result = new Float64Array(sizeOf(shape));
      if (!x) return result;
      eachPair(poolingOf(x.shape, a), (iy, ix) => {
        result[iy] = (result[iy] as number) + (x.data[ix] as number) / areaOf(a);
      });
      return result;
    },
    derivative: ([x], _y, g, e, a) => [
      x ? e.op('average_pool2d_gradient', [g], { ...a, size: [...pictureOf(x.shape).size] }) : null,
    ],
    flops: (_, shape, a) => sizeOf(shape) * areaOf(a),
  },
  /** Each window's gradient, shared equally by its places. */
  average_pool2d_gradient: {
    arity: 1,
    attributes: { ...ATTRIBUTES, size: '[height, width] of the picture' },
    elementwise: false,
    internal: true,
    linear: [0],
    shape: ([g], a) => {
      const { x } = spreadOf(g ?? [], a);
      return [...x.front, ...x.size, x.channels];
    },
    reference: ([g], a, shape) => {
      const result = new Float64Array(sizeOf(shape));
      if (!g) return result;
      eachPair(spreadOf(g.shape, a), (iy, ix) => {
        result[ix] = (result[ix] as number) + (g.data[iy] as number) / areaOf(a);
      });
      return result;
    },
    derivative: (_args, _y, g, e, { size: _, ...a }) => [e.op('average_pool2d', [g], a)],
    flops: ([g], _, a) => sizeOf(g ?? []) * areaOf(a),
  },
} satisfies Record<string, Operator>;
