/** Convolutions and their gradients as ONNX nodes. */
import { kernelGradientText } from '../../../spec/cpu-hints.ts';
import { type Op, sizeOf } from '../../../spec/program.ts';
import { backward, between, forward } from '../../operators/convolution.ts';
import type { Picture, Windows } from '../../operators/window.ts';
import type { BiasedConvolution } from './biases.ts';
import type { OnnxEmitter } from './emitter.ts';
import type { Lowering } from './lowering.ts';
import { channelsFirst, finishPicture, knownFirst, leftOver, paged, windowAttributes } from './pictures.ts';

/** Below this many channels ConvTranspose is faster than a convolution with the kernel turned round (measured). */
const TURNED_FROM = 16;

/** [out, in, height, width] of [height, width, in, out]. */
const kernelFirst = (e: OnnxEmitter, w: string): string =>
  e.once(`kernel ${w}`, () => {
    const [height = 0, width = 0, from = 0, to = 0] = e.shapeOf(w);
    return e.kernel(e.node('Transpose', [e.resolve(w)], { perm: [3, 2, 0, 1] }), [to, from, height, width]);
  });

/** [in, out, height, width], both directions reversed. */
function kernelTurned(e: OnnxEmitter, w: string): string {
  return e.once(`turned kernel ${w}`, () => {
    const [height = 0, width = 0, from = 0, to = 0] = e.shapeOf(w);
    const swapped = e.node('Transpose', [e.resolve(w)], { perm: [2, 3, 0, 1] });
    const end = -(2 ** 31);
    const turned = e.node('Slice', [
      swapped,
      e.integers([-1, -1]),
      e.integers([end, end]),
      e.integers([2, 3]),
      e.integers([-1, -1]),
    ]);
    return e.kernel(turned, [from, to, height, width]);
  });
}

const conv2d: Lowering = (op, e) => {
  finishPicture(e, op, convolved(op, e));
};

/** @param sum ends with the convolution and its bias */
export function emitBiased(sum: Op, { convolution, bias }: BiasedConvolution, e: OnnxEmitter): void {
  finishPicture(e, sum, convolved(convolution, e, e.resolve(bias)));
}

function convolved({ args, attributes }: Op, e: OnnxEmitter, ...bias: string[]): string {
  const [x, w] = args as [string, string];
  const { x: picture, windows } = forward(e.shapeOf(x), e.shapeOf(w), attributes);
  return e.node('Conv', [channelsFirst(e, x, picture), kernelFirst(e, w), ...bias], windowAttributes(windows));
}

const convTranspose2d: Lowering = (op, e) => {
  const [y, w] = op.args as [string, string];
  const { x, y: picture, windows } = backward(e.shapeOf(y), e.shapeOf(w), op.attributes);
  const { kernel, stride, padding } = windows;
  const input = channelsFirst(e, y, picture);
  if (sizeOf(stride) === 1 && Math.min(x.channels, picture.channels) >= TURNED_FROM) {
    const reach = [kernel[0] - 1 - padding[0], kernel[1] - 1 - padding[1]] as const;
    const made = e.node('Conv', [input, kernelTurned(e, w)], windowAttributes({ kernel, stride, padding: reach }));
    return finishPicture(e, op, made);
  }
  const output_padding = leftOver(x.size, picture.size, windows);
  const made = e.node('ConvTranspose', [input, kernelFirst(e, w)], { ...windowAttributes(windows), output_padding });
  finishPicture(e, op, made);
};

/** From so many channels on each place has a product of its own; below, all places side by side are one (measured). */
const APART_FROM = 8;

/**
 * A product for each place of the kernel: of the picture's places that lie under it, over all pages, with the windows.
 * With channels last, since what is copied then lies together. Convolving x with y would do the same, but ONNX Runtime
 * takes two to four times as long, but where it has pages in blocks: so a device with blocks is told of it. A product for
 * each page does not fill its tiles.
 */
const conv2dWeightGradient: Lowering = (op, e) => {
  const [x, y] = op.args as [string, string];
  const { x: picture, y: counted, windows } = between(e.shapeOf(x), e.shapeOf(y), op.attributes);
  const rows = picture.pages * sizeOf(counted.size);
  const flat = (name: string, shape: readonly number[]): string => e.node('Reshape', [name, e.integers(shape)]);
  const byWindow = e.once(`windows of ${y}`, () => flat(paged(e, y, counted), [rows, counted.channels]));
  if (picture.channels < APART_FROM) {
    const places = placesUnder(e, channelsBeforePages(e, x, picture), [2, 3], counted, windows);
    const side = flat(e.node('Concat', places, { axis: 0 }), [places.length * picture.channels, rows]);
    e.node('Reshape', [e.node('Gemm', [side, byWindow]), e.integers(op.shape)], {}, op.id);
  } else {
    const products = placesUnder(e, paged(e, x, picture), [1, 2], counted, windows).map((place) =>
      e.node('Gemm', [flat(place, [rows, picture.channels]), byWindow], { transA: 1 }),
    );
    e.node('Reshape', [e.node('Concat', products, { axis: 0 }), e.integers(op.shape)], {}, op.id);
  }
  const [first, second] = [channelsFirst(e, x, picture), knownFirst(e, y)];
  if (e.standard || second === undefined) return;
  const { padding, stride } = windows;
  e.about(kernelGradientText({ picture: first, windows: second, shape: op.shape, padding, stride }));
};

const channelsBeforePages = (e: OnnxEmitter, x: string, picture: Picture): string =>
  e.once(`channels before pages ${x}`, () =>
    e.node('Transpose', [channelsFirst(e, x, picture)], { perm: [1, 0, 2, 3] }),
  );

/**
 * For each place of the kernel the picture's places under it.
 *
 * @param axes of `picture` that are its rows and its columns
 */
function placesUnder(
  e: OnnxEmitter,
  picture: string,
  axes: readonly [number, number],
  counted: Picture,
  { kernel, stride, padding }: Windows,
): string[] {
  const sides = [0, 1, 2, 3].map((axis) => padding[axes.indexOf(axis)] ?? 0);
  const padded =
    padding[0] + padding[1] > 0
      ? e.once(`padded ${sides.join(' ')} ${picture}`, () =>
          e.node('Pad', [picture, e.integers([...sides, ...sides]), e.number(0)], { mode: 'constant' }),
        )
      : picture;
  const end = (from: number, axis: 0 | 1): number => from + (counted.size[axis] - 1) * stride[axis] + 1;
  const places: string[] = [];
  for (let ky = 0; ky < kernel[0]; ky++)
    for (let kx = 0; kx < kernel[1]; kx++) {
      const [from, to] = [e.integers([ky, kx]), e.integers([end(ky, 0), end(kx, 1)])];
      places.push(e.node('Slice', [padded, from, to, e.integers(axes), e.integers(stride)]));
    }
  return places;
}

export const convolutionLowerings = {
  conv2d,
  conv_transpose2d: convTranspose2d,
  conv2d_weight_gradient: conv2dWeightGradient,
} satisfies Record<string, Lowering>;
