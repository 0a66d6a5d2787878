/**
 * Convolutions over pictures with channels last. The three operators are the derivatives of one trilinear form
 *   T(x, w, y) = sum of x[place under the window, c] * w[place in the window, c, o] * y[window, o]
 * with respect to y, x and w, so each one's derivatives are the other two.
 */
import type { Attributes, Shape } from '../../spec/program.ts';
import { sizeOf } from '../../spec/program.ts';
import { type Operator, type ReferenceTensor, ShapeError, showShape, type Value } from './operator.ts';
import {
  countWindows,
  coveredSize,
  eachPlace,
  type Pair,
  type Picture,
  pairOf,
  pictureOf,
  showPair,
  WINDOW_ATTRIBUTES,
  type Windows,
  windowsOf,
} from './window.ts';

/** Everything that the three operators know of one convolution from the picture `x` to the windows `y`. */
export interface Convolution {
  readonly x: Picture;
  readonly y: Picture;
  readonly windows: Windows;
}

interface Kernel {
  readonly size: Pair;
  readonly in: number;
  readonly out: number;
}

function kernelOf(shape: Shape): Kernel {
  if (shape.length !== 4)
    throw new ShapeError(`a kernel is [height, width, channels in, channels out], not ${showShape(shape)}`);
  const [height, width, channelsIn, channelsOut] = shape as unknown as [number, number, number, number];
  return { size: [height, width], in: channelsIn, out: channelsOut };
}

/** conv2d(x, w): from the picture to the windows. */
export function forward(x: Shape, w: Shape, attributes: Attributes): Convolution {
  const picture = pictureOf(x);
  const kernel = kernelOf(w);
  const windows = windowsOf(attributes, kernel.size);
  if (picture.channels !== kernel.in)
    throw new ShapeError(`the picture has ${channels(picture.channels)}, the kernel reads ${kernel.in}`);
  const y = { ...picture, size: countWindows(picture.size, windows), channels: kernel.out };
  return { x: picture, y, windows };
}

/** conv_transpose2d(y, w): from the windows to the picture of `size`, the smallest that they cover when absent. */
export function backward(y: Shape, w: Shape, attributes: Attributes): Convolution {
  const picture = pictureOf(y);
  const kernel = kernelOf(w);
  const windows = windowsOf(attributes, kernel.size);
  if (picture.channels !== kernel.out)
    throw new ShapeError(`the picture has ${channels(picture.channels)}, the kernel reads ${kernel.out}`);
  const { least, most } = coveredSize(picture.size, windows);
  const size = attributes.size === undefined ? least : pairOf(attributes, 'size', 1);
  for (const axis of [0, 1] as const)
    if (size[axis] < least[axis] || size[axis] > most[axis] || size[axis] < 1) {
      const makes = least.every((n, i) => n === most[i]) ? showPair(least) : `${showPair(least)} to ${showPair(most)}`;
      throw new ShapeError(
        `windows of ${showPair(kernel.size)} with stride ${showPair(windows.stride)} and padding ${showPair(windows.padding)} make ${makes} places of ${showPair(picture.size)}, not ${showPair(size)}`,
      );
    }
  return { x: { ...picture, size, channels: kernel.in }, y: picture, windows };
}

/** conv2d_weight_gradient(x, y): from both pictures to the kernel. */
export function between(x: Shape, y: Shape, attributes: Attributes): Convolution {
  const picture = pictureOf(x);
  const windows = windowsOf(attributes, pairOf(attributes, 'kernel', 1));
  const [rows, columns] = countWindows(picture.size, windows);
  const counted = pictureOf(y);
  if (counted.size[0] !== rows || counted.size[1] !== columns || counted.pages !== picture.pages)
    throw new ShapeError(`${showShape(y)} is not what windows over ${showShape(x)} give`);
  return { x: picture, y: counted, windows };
}

const channels = (n: number): string => `${n} channel${n === 1 ? '' : 's'}`;

/** Calls `visit` with the offsets of each triple of elements that are multiplied with each other. */
function eachTriple({ x, y, windows }: Convolution, visit: (ix: number, iw: number, iy: number) => void): void {
  const [, width] = x.size;
  const [, columns] = y.size;
  for (let page = 0; page < x.pages; page++)
    eachPlace(x.size, windows, (oy, ox, ky, kx, py, px) => {
      for (let c = 0; c < x.channels; c++)
        for (let o = 0; o < y.channels; o++)
          visit(
            (page * sizeOf(x.size) + py * width + px) * x.channels + c,
            ((ky * windows.kernel[1] + kx) * x.channels + c) * y.channels + o,
            (page * sizeOf(y.size) + oy * columns + ox) * y.channels + o,
          );
    });
}

type Two = [ReferenceTensor, ReferenceTensor];

/** Two operations for each product, the places outside the picture counted too. */
function flopsOf({ x, y, windows }: Convolution): number {
  return 2 * x.pages * sizeOf(y.size) * sizeOf(windows.kernel) * x.channels * y.channels;
}

const shapeOf = (p: Picture): Shape => [...p.front, ...p.size, p.channels];
const geometry = ({ stride, padding }: Attributes): Attributes => ({
  ...(stride === undefined ? {} : { stride }),
  ...(padding === undefined ? {} : { padding }),
});

export const convolutionOperators = {
  /** conv2d(x [height, width, in], w [kernel height, kernel width, in, out]): zeros lie outside the picture. */
  conv2d: {
    arity: 2,
    attributes: WINDOW_ATTRIBUTES,
    elementwise: false,
    shared: [1],
    linear: [0, 1],
    shape: ([x, w], a) => shapeOf(forward(x ?? [], w ?? [], a).y),
    reference: (args, a, shape) => {
      const [x, w] = args as Two;
      const result = new Float64Array(sizeOf(shape));
      eachTriple(forward(x.shape, w.shape, a), (ix, iw, iy) => {
        result[iy] = (result[iy] as number) + (x.data[ix] as number) * (w.data[iw] as number);
      });
      return result;
    },
    derivative: (args, _y, g, e, a) => {
      const [x, w] = args as [Value, Value];
      const { x: picture, windows } = forward(x.shape, w.shape, a);
      return [
        e.op('conv_transpose2d', [g, w], { ...geometry(a), size: [...picture.size] }),
        e.op('conv2d_weight_gradient', [x, g], { ...geometry(a), kernel: [...windows.kernel] }),
      ];
    },
    flops: ([x, w], _, a) => flopsOf(forward(x ?? [], w ?? [], a)),
  },
  /**
   * conv_transpose2d(y [rows, columns, out], w [kernel height, kernel width, in, out]): each place of y is a window, and
   * adds its copy of the kernel to the picture [height, width, in].
   */
  conv_transpose2d: {
    arity: 2,
    attributes: { ...WINDOW_ATTRIBUTES, size: '[height, width] of the result; the smallest possible when absent' },
    elementwise: false,
    shared: [1],
    linear: [0, 1],
    shape: ([y, w], a) => shapeOf(backward(y ?? [], w ?? [], a).x),
    reference: (args, a, shape) => {
      const [y, w] = args as Two;
      const result = new Float64Array(sizeOf(shape));
      eachTriple(backward(y.shape, w.shape, a), (ix, iw, iy) => {
        result[ix] = (result[ix] as number) + (w.data[iw] as number) * (y.data[iy] as number);
      });
      return result;
    },
    derivative: (args, _x, g, e, a) => {
      const [y, w] = args as [Value, Value];
      const { windows } = backward(y.shape, w.shape, a);
      return [
        e.op('conv2d', [g, w], geometry(a)),
        e.op('conv2d_weight_gradient', [g, y], { ...geometry(a), kernel: [...windows.kernel] }),
      ];
    },
    flops: ([y, w], _, a) => flopsOf(backward(y ?? [], w ?? [], a)),
  },
  /** Gradient of the kernel, summed over all pages: the samples of a batch too. */
  conv2d_weight_gradient: {
    arity: 2,
    attributes: { ...WINDOW_ATTRIBUTES, kernel: '[height, width] of the kernel' },
    elementwise: false,
    internal: true,
    linear: [0, 1],
    shape: ([x, y], a) => {
      const { x: picture, y: counted, windows } = between(x ?? [], y ?? [], a);
      return [...windows.kernel, picture.channels, counted.channels];
    },
    reference: (args, a, shape) => {
      const [x, y] = args as Two;
      const result = new Float64Array(sizeOf(shape));
      eachTriple(between(x.shape, y.shape, a), (ix, iw, iy) => {
        result[iw] = (result[iw] as number) + (x.data[ix] as number) * (y.data[iy] as number);
      });
      return result;
    },
    derivative: (args, _w, g, e, a) => {
      const [x, y] = args as [Value, Value];
      const { x: picture } = between(x.shape, y.shape, a);
      return [
        e.op('conv_transpose2d', [y, g], { ...geometry(a), size: [...picture.size] }),
        e.op('conv2d', [x, g], geometry(a)),
      ];
    },
    flops: ([x, y], _, a) => flopsOf(between(x ?? [], y ?? [], a)),
  },
} satisfies Record<string, Operator>;
