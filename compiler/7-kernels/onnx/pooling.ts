/** Pooling and its gradients as ONNX nodes. */
import { sizeOf } from '../../../spec/program.ts';
import { poolingOf, spreadOf } from '../../operators/pooling.ts';
import { type Picture, pictureOf, type Windows } from '../../operators/window.ts';
import type { Lowering } from './lowering.ts';
import { orNotANumber } from './not-a-number.ts';
import { channelsFirst, finishPicture, leftOver, windowAttributes } from './pictures.ts';

const maxPool: Lowering = (op, e) => {
  const [x] = op.args as [string];
  const { x: picture, windows } = poolingOf(e.shapeOf(x), op.attributes);
  const turned = channelsFirst(e, x, picture);
  const over = (of: string): string => e.node('MaxPool', [of], windowAttributes(windows));
  finishPicture(e, op, orNotANumber(e, turned, over));
};

/** ONNX's MaxPool tells where its results stand in the whole input, the first of equals. */
const maxPoolGradient: Lowering = (op, e) => {
  const [x, g] = op.args as [string, string];
  const { x: picture, windows } = poolingOf(e.shapeOf(x), op.attributes);
  const attributes = windowAttributes(windows);
  const positions = e.several('MaxPool', [channelsFirst(e, x, picture)], 2, attributes)[1] as string;
  const counted = pictureOf(e.shapeOf(g));
  const gradient = channelsFirst(e, g, counted);
  if (areSideBySide(picture, counted, windows)) {
    const steps = { kernel_shape: [...windows.kernel], strides: [...windows.stride] };
    finishPicture(e, op, e.node('MaxUnpool', [gradient, positions], steps));
    return;
  }
  const flat = (name: string): string => e.node('Reshape', [name, e.integers([-1])]);
  const zeros = e.node('Expand', [e.number(0), e.integers([sizeOf(op.shape)])]);
  const sums = e.node('ScatterElements', [zeros, flat(positions), flat(gradient)], { axis: 0, reduction: 'add' });
  finishPicture(e, op, e.node('Reshape', [sums, e.integers([picture.pages, picture.channels, ...picture.size])]));
};

/** Every place of the picture lies under one window. */
function areSideBySide(picture: Picture, counted: Picture, windows: Windows): boolean {
  const { kernel, stride, padding } = windows;
  const left = leftOver(picture.size, counted.size, windows);
  return [0, 1].every((i) => kernel[i] === stride[i] && padding[i] === 0 && left[i] === 0);
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
    const { pages, channels } = picture;
    const first = channelsFirst(e, g, counted);
    const split = e.node('Reshape', [first, e.integers([pages, channels, count[0], 1, count[1], 1])]);
    const share = e.node('Mul', [split, e.number(1 / sizeOf(kernel))]);
    const wide = e.node('Expand', [share, e.integers([pages, channels, count[0], kernel[0], count[1], kernel[1]])]);
    finishPicture(e, op, e.node('Reshape', [wide, e.integers([pages, channels, ...picture.size])]));
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
