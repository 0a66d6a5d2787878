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
    const { weights, by } = firstLargest(e, turned, picture, windows);
    const share = by === undefined ? gradient : e.node('Div', [gradient, by]);
    finishPicture(e, op, e.node('Mul', [weights, repeated(e, share, windows)]));
    return;
  }
  // ONNX's MaxPool tells where its results stand in the whole input, the first of equals.
  const positions = e.several('MaxPool', [turned], 2, windowAttributes(windows))[1] as string;
  const flat = (name: string): string => e.node('Reshape', [name, e.integers([-1])]);
  const zeros = e.node('Expand', [e.number(0), e.integers([sizeOf(op.shape)])]);
  const sums = e.node('ScatterElements', [zeros, flat(positions), flat(gradient)], { axis: 0, reduction: 'add' });
  finishPicture(e, op, e.node('Reshape', [sums, e.integers([picture.pages, picture.channels, ...picture.size])]));
};

/** What a window's first largest element weighs, by whatever else there is of it: exactly 1. */
interface FirstLargest {
  /** At every place; next to nothing where not the first largest is. */
  readonly weights: string;
  /** For each window; nothing where weights are 0 and 1 already. */
  readonly by: string | undefined;
}

/** A power of two by which a later one of equals weighs less than one before it: far less than what rounding loses. */
const FAINT = -28;
/** Places of a window whose weights differ so, and can be divided by each other. */
const MAX_FAINT = 4;

/**
 * The first of each window's largest elements, for windows side by side. Asking MaxPool for positions takes twice as long
 * (measured): it then compares element by element. Among equals the first is told by its rank: in small windows ranks lie so
 * far apart that nothing of the others is left, which spares to compare all places a second time. Errors above 2^43 overflow.
 */
function firstLargest(e: OnnxEmitter, x: string, { size }: Picture, windows: Windows): FirstLargest {
  const { kernel } = windows;
  const [, width] = size;
  const isFaint = sizeOf(kernel) <= MAX_FAINT;
  const equals = (a: string, b: string): string =>
    e.node('Cast', [e.node('Equal', [a, repeated(e, b, windows)])], { to: CAST.float });
  const ranked = e.once(`ranked ${JSON.stringify(windows)} ${x}`, () => {
    const ranks = Float32Array.from({ length: sizeOf(size) }, (_, i) => {
      const [row, column] = [Math.floor(i / width) % kernel[0], (i % width) % kernel[1]];
      const place = row * kernel[1] + column;
      return isFaint ? 2 ** (FAINT * place) : sizeOf(kernel) - place;
    });
    const table = e.table(`ranks ${size.join(' x ')} by ${kernel.join(' x ')}`, size, ranks);
    return e.node('Mul', [equals(x, largest(e, x, windows)), table]);
  });
  const first = largest(e, ranked, windows);
  if (isFaint) return { weights: ranked, by: first };
  const weights = e.once(`first largest ${JSON.stringify(windows)} ${x}`, () => equals(ranked, first));
  return { weights, by: undefined };
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
  const { weights, by } = firstLargest(e, turned, picture, windows);
  const alone = e.node('Mul', [weights, channelsFirst(e, of, picture)]);
  const mean = e.node('AveragePool', [alone], windowAttributes(windows));
  const share = by === undefined ? mean : e.node('Div', [mean, by]);
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
