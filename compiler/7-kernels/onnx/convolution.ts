/** Convolutions and their gradients as ONNX nodes. */
import { sizeOf } from '../../../spec/program.ts';
import { backward, between, type Convolution, forward } from '../../operators/convolution.ts';
import type { OnnxEmitter } from './emitter.ts';
import type { Lowering } from './lowering.ts';
import { channelsFirst, finishPicture, leftOver, paged, windowAttributes } from './pictures.ts';

/** Below this many channels ConvTranspose is faster than a convolution with the kernel turned round (measured). */
const TURNED_FROM = 16;

/** [out, in, height, width] of [height, width, in, out]. */
const kernelFirst = (e: OnnxEmitter, w: string): string =>
  e.once(`kernel ${w}`, () => e.node('Transpose', [w], { perm: [3, 2, 0, 1] }));

/** [in, out, height, width], both directions reversed. */
function kernelTurned(e: OnnxEmitter, w: string): string {
  return e.once(`turned kernel ${w}`, () => {
    const swapped = e.node('Transpose', [w], { perm: [2, 3, 0, 1] });
    const end = -(2 ** 31);
    return e.node('Slice', [
      swapped,
      e.integers([-1, -1]),
      e.integers([end, end]),
      e.integers([2, 3]),
      e.integers([-1, -1]),
    ]);
  });
}

const conv2d: Lowering = (op, e) => {
  const [x, w] = op.args as [string, string];
  const { x: picture, windows } = forward(e.shapeOf(x), e.shapeOf(w), op.attributes);
  const made = e.node('Conv', [channelsFirst(e, x, picture), kernelFirst(e, w)], windowAttributes(windows));
  finishPicture(e, op, made);
};

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

/**
 * The places under each window side by side, then one product. Convolving x with y would do the same, but ONNX Runtime
 * takes 2 to 10 times as long for kernels as large as a picture.
 */
const conv2dWeightGradient: Lowering = (op, e) => {
  const [x, y] = op.args as [string, string];
  const convolution = between(e.shapeOf(x), e.shapeOf(y), op.attributes);
  const { x: picture, y: counted, windows } = convolution;
  const places = sizeOf(windows.kernel) * picture.channels;
  const count = sizeOf(counted.size);
  const byPlace = paged(e, y, counted);
  let product: string;
  if (counted.channels <= count) {
    // A product for each page, then their sum: patches with channels first are copied in long runs.
    const patches = e.node('Reshape', [patchesFirst(e, x, convolution), e.integers([picture.pages, places, count])]);
    const windowsOfPage = e.node('Reshape', [byPlace, e.integers([picture.pages, count, counted.channels])]);
    const each = e.node('MatMul', [patches, windowsOfPage]);
    product = e.node('ReduceSum', [each, e.integers([0])], { keepdims: 0 });
  } else {
    // As many numbers for each page as the kernel has would be more than the patches: one product over all pages.
    const rows = picture.pages * count;
    const patches = e.node('Reshape', [patchesLast(e, x, convolution), e.integers([rows, places])]);
    const flat = e.node('Reshape', [byPlace, e.integers([rows, counted.channels])]);
    product = e.node('Gemm', [patches, flat], { transA: 1 });
  }
  e.node('Reshape', [product, e.integers(op.shape)], {}, op.id);
};

/** [pages, kernel places x channels, rows, columns]. */
function patchesFirst(e: OnnxEmitter, x: string, convolution: Convolution): string {
  const input = channelsFirst(e, x, convolution.x);
  return e.once(patchKey('first', x, convolution), () => cutPatches(e, input, convolution, 2, 1));
}

/** [pages, rows, columns, kernel places x channels]. */
function patchesLast(e: OnnxEmitter, x: string, convolution: Convolution): string {
  const input = paged(e, x, convolution.x);
  return e.once(patchKey('last', x, convolution), () => cutPatches(e, input, convolution, 1, 3));
}

const patchKey = (layout: string, x: string, { windows }: Convolution): string =>
  `patches ${layout} ${x} ${[...windows.kernel, ...windows.stride, ...windows.padding].join(' ')}`;

/** The picture once for each place of the kernel, shifted and thinned, joined along the channels. */
function cutPatches(
  e: OnnxEmitter,
  input: string,
  { y, windows }: Convolution,
  height: number,
  channels: number,
): string {
  const { kernel, stride, padding } = windows;
  let padded = input;
  if (padding[0] + padding[1] > 0) {
    const side = [0, 0, 0, 0];
    side[height] = padding[0];
    side[height + 1] = padding[1];
    padded = e.node('Pad', [input, e.integers([...side, ...side]), e.number(0)], { mode: 'constant' });
  }
  const parts: string[] = [];
  for (let ky = 0; ky < kernel[0]; ky++)
    for (let kx = 0; kx < kernel[1]; kx++) {
      const ends = [ky + (y.size[0] - 1) * stride[0] + 1, kx + (y.size[1] - 1) * stride[1] + 1];
      const axes = e.integers([height, height + 1]);
      parts.push(e.node('Slice', [padded, e.integers([ky, kx]), e.integers(ends), axes, e.integers(stride)]));
    }
  return e.node('Concat', parts, { axis: channels });
}

export const convolutionLowerings = {
  conv2d,
  conv_transpose2d: convTranspose2d,
  conv2d_weight_gradient: conv2dWeightGradient,
} satisfies Record<string, Lowering>;
