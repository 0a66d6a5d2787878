/**
 * Pictures have their channels last, ONNX wants [page, channels, height, width]. A picture is turned only where something
 * asks for the other layout, and at most once: what goes element by element from one convolution to the next is computed
 * with channels first throughout.
 */
import { type Op, type Shape, sameShape } from '../../../spec/program.ts';
import { axesOf } from '../../operators/reduction.ts';
import { isOperator, operators } from '../../operators/table.ts';
import { type Picture, pictureOf, type Windows } from '../../operators/window.ts';
import type { OnnxEmitter } from './emitter.ts';
import type { OnnxAttribute } from './model.ts';

const FIRST = [0, 3, 1, 2];
const LAST = [0, 2, 3, 1];
const firstKey = (id: string): string => `channels first ${id}`;
const turned = (shape: Shape): Shape => FIRST.map((axis) => shape[axis] as number);

/** [pages, height, width, channels], whatever axes stand in front. */
export function paged(e: OnnxEmitter, id: string, picture: Picture): string {
  const name = e.resolve(id);
  if (picture.front.length === 1) return name;
  const shape = [picture.pages, ...picture.size, picture.channels];
  return e.once(`paged ${id}`, () => e.node('Reshape', [name, e.integers(shape)]));
}

/** [pages, channels, height, width]. */
export function channelsFirst(e: OnnxEmitter, id: string, picture: Picture): string {
  const make = (): string => e.node('Transpose', [paged(e, id, picture)], { perm: FIRST });
  return e.resolve(e.once(firstKey(id), make));
}

/** The same where it is there already. */
export const knownFirst = (e: OnnxEmitter, id: string): string | undefined => e.known(firstKey(id));

/** Gives `op` its value, made with channels first. */
export function finishPicture(e: OnnxEmitter, op: Op, made: string): void {
  const { front } = pictureOf(op.shape);
  e.once(firstKey(op.id), () => made);
  if (front.length === 1) e.declare(made, turned(op.shape));
  e.later(op.id, () => {
    const name = e.resolve(made);
    if (front.length === 1) e.node('Transpose', [name], { perm: LAST }, op.id);
    else e.node('Reshape', [e.node('Transpose', [name], { perm: LAST }), e.integers(op.shape)], {}, op.id);
  });
}

/**
 * An operation as it is on pictures with channels first, where one of them is so already and all others can be. Its name
 * and those of its arguments are of values in that layout. The caller emits it, and then calls `finishPicture`.
 */
export function channelsFirstForm(op: Op, e: OnnxEmitter): Op | undefined {
  if (!isOperator(op.op) || !op.args.some((id) => isPicture(id, e) && e.known(firstKey(id)) !== undefined))
    return undefined;
  const name = `${op.id}.first`;
  if (REDUCTIONS.has(op.op)) return reductionFirst(op, name, e);
  if (op.shape.length !== 4 || !(operators[op.op].elementwise || op.op === 'broadcast')) return undefined;
  const args = op.args.flatMap((id) => argumentFirst(id, e) ?? []);
  return args.length === op.args.length ? { ...op, id: name, args, shape: turned(op.shape) } : undefined;
}

const REDUCTIONS: ReadonlySet<string> = new Set(['sum', 'mean', 'amax']);

const isPicture = (id: string, e: OnnxEmitter): boolean => e.shapeOf(id).length === 4;

/** A picture, what is the same for all samples, a number for each channel, or one number. */
function argumentFirst(id: string, e: OnnxEmitter): string | undefined {
  const shape = e.shapeOf(id);
  if (shape.length === 0) return id;
  if (shape.length === 4) return e.known(firstKey(id)) ?? channelsFirst(e, id, pictureOf(shape));
  const [channels] = shape;
  const key = `of a channel ${id}`;
  if (shape.length === 3) return e.once(key, () => e.node('Transpose', [e.resolve(id)], { perm: [2, 0, 1] }));
  if (shape.length === 1 && channels !== undefined)
    return e.once(key, () => e.node('Reshape', [e.resolve(id), e.integers([channels, 1, 1])]));
  return undefined;
}

/** A reduction whose result has the same order of axes either way, or keeps all four. */
function reductionFirst(op: Op, name: string, e: OnnxEmitter): Op | undefined {
  const [id = ''] = op.args;
  const reduced = new Set(axesOf(op.attributes, 4));
  const left = FIRST.filter((axis) => !reduced.has(axis));
  const keep = op.attributes.keep === true;
  if (!keep && !sameShape(left, [...left].sort())) return undefined;
  const axes = FIRST.flatMap((axis, i) => (reduced.has(axis) ? [i] : []));
  const args = [e.known(firstKey(id)) ?? id];
  const attributes = { ...op.attributes, axes };
  return keep ? { ...op, id: name, args, attributes, shape: turned(op.shape) } : { ...op, args, attributes };
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

/** Every place of the picture lies under one window. */
export function areSideBySide(picture: Picture, counted: Picture, windows: Windows): boolean {
  const { kernel, stride, padding } = windows;
  const left = leftOver(picture.size, counted.size, windows);
  return [0, 1].every((i) => kernel[i] === stride[i] && padding[i] === 0 && left[i] === 0);
}
