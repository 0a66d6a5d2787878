/** Tiles of tensors: which elements of the whole a tile has, and back. */
import { type Shape, type Slice, sizeOf } from './program.ts';

/** Calls `visit` for every element of a tile of this shape: its place in the tile, and in the whole (row-major). */
export function eachElement(slice: Slice, shape: Shape, visit: (tile: number, whole: number) => void): void {
  const { axis, from, groups = 1 } = slice;
  const inner = sizeOf(shape.slice(axis + 1));
  const outer = sizeOf(shape.slice(0, axis)) * groups;
  const run = ((shape[axis] ?? 1) / groups) * inner;
  const stride = ((slice.shape[axis] ?? 1) / groups) * inner;
  for (let i = 0; i < outer; i++) for (let j = 0; j < run; j++) visit(i * run + j, i * stride + from * inner + j);
}

/** The tile's elements of a whole tensor. */
export function cutFrom<T extends Float32Array | Float64Array>(whole: T, slice: Slice, shape: Shape): T {
  const tile = new (whole.constructor as new (n: number) => T)(sizeOf(shape));
  eachElement(slice, shape, (to, from) => {
    tile[to] = whole[from] as number;
  });
  return tile;
}

/** Writes a tile's elements into the whole. */
export function putInto(whole: Float32Array | Float64Array, slice: Slice, shape: Shape, tile: ArrayLike<number>): void {
  eachElement(slice, shape, (from, to) => {
    whole[to] = tile[from] as number;
  });
}
