/** Pooling and its gradients as ONNX nodes. */
import { type Op, sizeOf } from '../../../spec/program.ts';
import { poolingOf, spreadOf } from '../../operators/pooling.ts';
import { type Picture, pictureOf, type Windows } from '../../operators/window.ts';
import { CAST } from './casts.ts';
import type { OnnxEmitter } from './emitter.ts';
import type { Lowering } from './lowering.ts';
import { orNotANumber } from './not-a-number.ts';
import { areSideBySide, channelsFirst, finishPicture, leftOver, windowAttributes } from './pictures.ts';

const maxPool: Lowering = (op, e) => {
  const [x] = op.args as [string];
  const { x: picture, windows } = poolingOf(e.shapeOf(x), op.attributes);
  const turned = channelsFirst(e, x, picture);
  const made = e.isBounded(x)
    ? plusNotANumber(e, turned, largest(e, turned, windows), windows)
    : orNotANumber(e, turned, (of) => largest(e, of, windows));
  finishPicture(e, op, made);
};

/**
 * The largest of each window, or NaN where it has one, for values that have a bound: a mean of them is NaN only where one of
 * them is, and looking for NaN in it takes a third of the time that looking among all takes (measured). No mean that is a
 * number is larger, but for rounding and overflow.
 */
function plusNotANumber(e: OnnxEmitter, x: string, largestOf: string, windows: Windows): string {
  const mean = e.node('AveragePool', [x], windowAttributes(windows));
  return e.node('Max', [largestOf, e.node('Min', [mean, largestOf])]);
}

const largest = (e: OnnxEmitter, picture: string, windows: Windows): string =>
  e.once(`largest ${JSON.stringify(windows)} ${picture}`, () =>
    e.node('MaxPool', [picture], windowAttributes(windows)),
  );

const maxPoolGradient: Lowering = (op, e) => {
  const [x, g] = op.args as [string, string];
  const { x: picture, windows } = poolingOf(e.shapeOf(x), op.attributes);
  const counted = pictureOf(e.shapeOf(g));
  const gradient = channelsFirst(e, g, counted);
  const turned = channelsFirst(e, x, picture);
  if (areSideBySide(picture, counted, windows)) {
    const taken = firstLargest(e, turned, picture, windows);
    finishPicture(e, op, e.node('Mul', [taken, repeated(e, gradient, windows)]));
    return;
  }
  // ONNX's MaxPool tells where its results stand in the whole input, the first of equals.
  const positions = e.several('MaxPool', [turned], 2, windowAttributes(windows))[1] as string;
  const flat = (name: string): string => e.node('Reshape', [name, e.integers([-1])]);
  const zeros = e.node('Expand', [e.number(0), e.integers([sizeOf(op.shape)])]);
  const sums = e.node('ScatterElements', [zeros, flat(positions), flat(gradient)], { axis: 0, reduction: 'add' });
  finishPicture(e, op, e.node('Reshape', [sums, e.integers([picture.pages, picture.channels, ...picture.size])]));
};

/**
 * 1 at the first of each window's largest elements, 0 elsewhere, for windows side by side. Asking MaxPool for positions
 * takes twice as long (measured): it then compares element by element.
 */
function firstLargest(e: OnnxEmitter, x: string, { size }: Picture, windows: Windows): string {
  const { kernel } = windows;
  const [, width] = size;
  const equals = (a: string, b: string): string =>
    e.node('Cast', [e.node('Equal', [a, repeated(e, b, windows)])], { to: CAST.float });
  return e.once(`first largest ${JSON.stringify(windows)} ${x}`, () => {
    const sooner = Float32Array.from({ length: sizeOf(size) }, (_, i) => {
      const [row, column] = [Math.floor(i / width) % kernel[0], (i % width) % kernel[1]];
      return sizeOf(kernel) - (row * kernel[1] + column);
    });
    const ranks = e.table(`ranks ${size.join(' x ')} by ${kernel.join(' x ')}`, size, sooner);
    const ranked = e.node('Mul', [equals(x, largest(e, x, windows)), ranks]);
    return equals(ranked, largest(e, ranked, windows));
  });
}

/** Each place once for every place of its window, for windows side by side. */
function repeated(e: OnnxEmitter, counted: string, { kernel }: Windows): string {
  const none = e.table('no region', [0], new Float32Array(0));
  const times = e.table(`times ${kernel.join(' x ')}`, [4], Float32Array.of(1, 1, ...kernel));
  const nearest = { mode: 'nearest', nearest_mode: 'floor', coordinate_transformation_mode: 'asymmetric' };
  return e.node('Resize', [counted, none, times], nearest);
}

/** What windows have picked, a number for each of them, with channels first. */
export interface Picked {
  /** What stands in another picture where the window has its first largest, by the number of places of a window. */
  readonly share: string;
  readonly largest: string;
  readonly places: number;
}

/** Of windows side by side, whose places are a power of two. @param args of the gradient of their pooling */
export function emitPicked(of: string, { args, attributes }: Op, e: OnnxEmitter): Picked {
  const [x] = args as [string];
  const { x: picture, windows } = poolingOf(e.shapeOf(x), attributes);
  const turned = channelsFirst(e, x, picture);
  const alone = e.node('Mul', [firstLargest(e, turned, picture, windows), channelsFirst(e, of, picture)]);
  const share = e.node('AveragePool', [alone], windowAttributes(windows));
  return { share, largest: largest(e, turned, windows), places: sizeOf(windows.kernel) };
}

const averagePool: Lowering = (op, e) => {
  const [x] = op.args as [string];
  const { x: picture, windows } = poolingOf(e.shapeOf(x), op.attributes);
  const attributes = { ...windowAttributes(windows), count_include_pad: 1 };
  finishPicture(e, op, e.node('AveragePool', [channelsFirst(e, x, picture)], attributes));
};

const averagePoolGradient: Lowering = (op, e) => {
  const [g] = op.args as [string];
  const { x: picture, windows, count } = spreadOf(e.shapeOf(g), op.attributes);
  const { kernel } = windows;
  const counted = pictureOf(e.shapeOf(g));
  if (areSideBySide(picture, counted, windows)) {
    // Every place takes its window's share.
    const share = e.node('Mul', [channelsFirst(e, g, counted), e.number(1 / sizeOf(kernel))]);
    finishPicture(e, op, repeated(e, share, windows));
    return;
  }
  const flat = [picture.pages * picture.channels, 1, ...count];
  const single = e.node('Reshape', [channelsFirst(e, g, counted), e.integers(flat)]);
  const attributes = { ...windowAttributes(windows), output_padding: leftOver(picture.size, count, windows) };
  const spread = e.node('ConvTranspose', [single, e.filled(1 / sizeOf(kernel), [1, 1, ...kernel])], attributes);
  finishPicture(e, op, e.node('Reshape', [spread, e.integers([picture.pages, picture.channels, ...picture.size])]));
};

export const poolingLowerings = {
  max_pool2d: maxPool,
  max_pool2d_gradient: maxPoolGradient,
  average_pool2d: averagePool,
  average_pool2d_gradient: averagePoolGradient,
} satisfies Record<string, Lowering>;
