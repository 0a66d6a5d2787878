/** Expressions for where an element lies: from its linear place to its places along the axes, and back. */
import { type Shape, sizeOf } from '../../../spec/program.ts';
import type { ModuleWriter } from './writer.ts';

/** The linear place of the element of `from` that the element `at` of `to` reads, when `from` is repeated to `to`. */
export function repeatedPlace(w: ModuleWriter, at: string, from: Shape, to: Shape): string {
  if (sizeOf(from) === sizeOf(to)) return at;
  if (sizeOf(from) === 1) return '0u';
  const parts: string[] = [];
  let toStride = 1;
  let fromStride = 1;
  for (const run of runsOf(from, to)) {
    if (run.present) {
      const last = toStride * run.size === sizeOf(to);
      parts.push(times(w, within(w, at, toStride, last ? undefined : run.size), fromStride));
      fromStride *= run.size;
    }
    toStride *= run.size;
  }
  return parts.length === 1 ? (parts[0] ?? '0u') : `(${parts.reverse().join(' + ')})`;
}

/** Neighbouring axes that are all repeated, or all not, as one; the last first. */
function runsOf(from: Shape, to: Shape): { present: boolean; size: number }[] {
  const runs: { present: boolean; size: number }[] = [];
  for (let axis = to.length - 1; axis >= 0; axis--) {
    const size = to[axis] ?? 1;
    if (size === 1) continue;
    const present = (from[from.length - to.length + axis] ?? 1) !== 1;
    const last = runs.at(-1);
    if (last?.present === present) last.size *= size;
    else runs.push({ present, size });
  }
  return runs;
}

/** `at / stride % size`, without what changes nothing. */
export function within(w: ModuleWriter, at: string, stride: number, size?: number): string {
  const divided = stride === 1 ? at : `(${at} / ${w.size(stride)})`;
  return size === undefined ? divided : `(${divided} % ${w.size(size)})`;
}

export function times(w: ModuleWriter, value: string, factor: number): string {
  return factor === 1 ? value : `${value} * ${w.size(factor)}`;
}

/** The place along each axis of the element `at`. */
export function coordinates(w: ModuleWriter, at: string, shape: Shape): string[] {
  let stride = sizeOf(shape);
  return shape.map((n, axis) => {
    stride /= n;
    if (n === 1) return '0u';
    const first = shape.slice(0, axis).every((m) => m === 1);
    return w.let('c', within(w, at, stride, first ? undefined : n));
  });
}

/** The linear place of an element from its places along the axes. */
export function linear(w: ModuleWriter, places: readonly string[], shape: Shape): string {
  let stride = 1;
  const parts: string[] = [];
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const place = places[axis] ?? '0u';
    if (place !== '0u') parts.push(times(w, place, stride));
    stride *= shape[axis] ?? 1;
  }
  return parts.length === 0 ? '0u' : `(${parts.reverse().join(' + ')})`;
}
