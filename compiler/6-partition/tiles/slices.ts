/** Operations that take a tile out of a whole value, and that put tiles together. */
import type { OpOrigin } from '../../../spec/names.ts';
import type { Op, Shape } from '../../../spec/program.ts';
import { type Layout, tileShape, tilesOf } from './layout.ts';

/** `id` becomes one tile of `whole`, which has the shape. */
export function sliceOps(
  id: string,
  whole: string,
  shape: Shape,
  layout: Layout,
  { from, size }: { readonly from: number; readonly size: number },
  origin: OpOrigin,
): Op[] {
  const { axis, groups } = layout;
  const result = tileShape(shape, layout, size);
  if (groups === 1)
    return [{ id, op: 'slice', args: [whole], attributes: { axis, from, size }, shape: result, origin }];
  const runs = inRuns(shape, layout);
  const taken = inRuns(result, layout);
  return [
    reshape(`${id}/runs`, whole, runs, origin),
    {
      id: `${id}/taken`,
      op: 'slice',
      args: [`${id}/runs`],
      attributes: { axis: axis + 1, from, size },
      shape: taken,
      origin,
    },
    reshape(id, `${id}/taken`, result, origin),
  ];
}

/** `id` becomes the whole value, of this shape, of all its tiles. */
export function joinOps(id: string, tiles: readonly string[], shape: Shape, layout: Layout, origin: OpOrigin): Op[] {
  const { axis, groups } = layout;
  if (groups === 1) return [{ id, op: 'concatenate', args: tiles, attributes: { axis }, shape, origin }];
  const parts = tilesOf(layout).map(({ size }, i) =>
    reshape(`${id}/runs${i}`, tiles[i] ?? '', inRuns(tileShape(shape, layout, size), layout), origin),
  );
  const runs = inRuns(shape, layout);
  const args = parts.map((op) => op.id);
  return [
    ...parts,
    { id: `${id}/runs`, op: 'concatenate', args, attributes: { axis: axis + 1 }, shape: runs, origin },
    reshape(id, `${id}/runs`, shape, origin),
  ];
}

function reshape(id: string, of: string, shape: Shape, origin: OpOrigin): Op {
  return { id, op: 'reshape', args: [of], attributes: { shape }, shape, origin };
}

/** With an axis of their own for the runs of the cut axis. */
function inRuns(shape: Shape, { axis, groups }: Layout): Shape {
  const n = shape[axis] ?? 1;
  return [...shape.slice(0, axis), groups, n / groups, ...shape.slice(axis + 1)];
}
