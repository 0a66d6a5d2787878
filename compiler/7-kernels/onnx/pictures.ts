/**
 * Pictures have their channels last, ONNX wants [page, channels, height, width]. Every picture is turned at most once in
 * a graph, and what was turned back is still known as it was: between two neighbours that both want channels first
 * nothing is turned.
 */
import type { Op, Shape } from '../../../spec/program.ts';
import { type Picture, pictureOf, type Windows } from '../../operators/window.ts';
import type { OnnxEmitter } from './emitter.ts';
import type { OnnxAttribute } from './model.ts';

const firstKey = (id: string): string => `channels first ${id}`;

/** [pages, height, width, channels], whatever axes stand in front. */
export function paged(e: OnnxEmitter, id: string, picture: Picture): string {
  if (picture.front.length === 1) return id;
  const shape = [picture.pages, ...picture.size, picture.channels];
  return e.once(`paged ${id}`, () => e.node('Reshape', [id, e.integers(shape)]));
}

/** [pages, channels, height, width]. */
export function channelsFirst(e: OnnxEmitter, id: string, picture: Picture): string {
  return e.once(firstKey(id), () => e.node('Transpose', [paged(e, id, picture)], { perm: [0, 3, 1, 2] }));
}

/** Gives `op` its value, made with channels first. */
export function finishPicture(e: OnnxEmitter, op: Op, made: string): void {
  const { front } = pictureOf(op.shape);
  e.once(firstKey(op.id), () => made);
  if (front.length === 1) {
    e.node('Transpose', [made], { perm: [0, 2, 3, 1] }, op.id);
    return;
  }
  const turned = e.node('Transpose', [made], { perm: [0, 2, 3, 1] });
  e.node('Reshape', [turned, e.integers(op.shape)], {}, op.id);
}

/** ONNX's attributes of windows. */
export function windowAttributes({ kernel, stride, padding }: Windows): Record<string, OnnxAttribute> {
  return { kernel_shape: [...kernel], strides: [...stride], pads: [...padding, ...padding] };
}

/** Places at the lower and right edges that no window reaches. */
export function leftOver(size: Shape, count: Shape, { kernel, stride, padding }: Windows): number[] {
  return [0, 1].map((axis) => {
    const covered =
      ((count[axis] as number) - 1) * (stride[axis] as number) +
      (kernel[axis] as number) -
      2 * (padding[axis] as number);
    return (size[axis] as number) - covered;
  });
}
