/** How a tensor is cut, and what a change of shape makes of that. */
import { type Shape, sizeOf } from '../../../spec/program.ts';

/**
 * A tensor cut along one axis, which is `groups` runs of equal length one after the other: tile i has elements
 * offsets[i] … offsets[i + 1] - 1 of each run, and lives with tile i of `node`.
 */
export interface Layout {
  readonly node: string;
  readonly axis: number;
  readonly offsets: readonly number[];
  readonly groups: number;
}

/** Cut at the same places; the axes are the caller's to compare. */
export function sameCuts(a: Layout, b: Layout): boolean {
  return (
    a.node === b.node &&
    a.groups === b.groups &&
    a.offsets.length === b.offsets.length &&
    a.offsets.every((n, i) => n === b.offsets[i])
  );
}

export function sameLayout(a: Layout | undefined, b: Layout | undefined): boolean {
  return a !== undefined && b !== undefined && a.axis === b.axis && sameCuts(a, b);
}

/** First element and number of elements of every tile, within a run. */
export function tilesOf({ offsets }: Layout): { from: number; size: number }[] {
  return offsets.slice(0, -1).map((from, i) => ({ from, size: (offsets[i + 1] ?? from) - from }));
}

/** Shape of a tile with `size` elements in each run. */
export function tileShape(shape: Shape, { axis, groups }: Layout, size: number): Shape {
  return shape.map((n, i) => (i === axis ? groups * size : n));
}

/** The same cuts after a change of shape, along the axis where they need the fewest runs; nothing where there is none. */
export function throughReshape(layout: Layout, from: Shape, to: Shape): Layout | undefined {
  const outer = sizeOf(from.slice(0, layout.axis)) * layout.groups;
  const size = (from[layout.axis] ?? 1) / layout.groups;
  let best: Layout | undefined;
  let before = 1;
  for (const [axis, n] of to.entries()) {
    const groups = outer / before;
    const run = n / groups;
    before *= n;
    if (!Number.isInteger(groups) || !Number.isInteger(run) || (run === 1 && size > 1)) continue;
    const offsets = layout.offsets.map((at) => (at * run) / size);
    if (offsets.every(Number.isInteger) && groups < (best?.groups ?? Infinity))
      best = { ...layout, axis, offsets, groups };
  }
  return best;
}
