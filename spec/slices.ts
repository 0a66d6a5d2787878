/** Tiles of tensors: which elements of the whole a tile has, and back. */
import { type Shape, type Slice, sizeOf } from './program.ts';

/** Calls `visit` for every element of a tile of this shape: its place in the tile, and in the whole (row-major). */
export function eachElement(slice: Slice, shape: Shape, visit: (tile: number, whole: number) => void): void {
  const { axis, from, groups = 1, across } = slice;
  if (across) {
    // The tile's rows along the axis that comes later, each of them cut along the other.
    const [first, second] = axis < across.axis ? [slice, across] : [across, slice];
    const inner = { of: slice.of, shape: slice.shape, axis: second.axis, from: second.from };
    const wide = slice.shape.map((n, i) => (i === second.axis ? (shape[i] as number) : n));
    const rows = { ...inner, shape: wide, axis: first.axis, from: first.from };
    const places = new Int32Array(sizeOf(wide));
    eachElement(inner, wide, (place, whole) => {
      places[place] = whole;
    });
    eachElement(rows, shape, (tile, place) => visit(tile, places[place] as number));
    return;
  }
  const inner = sizeOf(shape.slice(axis + 1));
  const outer = sizeOf(shape.slice(0, axis)) * groups;
  const run = ((shape[axis] ?? 1) / groups) * inner;
  const stride = ((slice.shape[axis] ?? 1) / groups) * inner;
  for (let i = 0; i < outer; i++) for (let j = 0; j < run; j++) visit(i * run + j, i * stride + from * inner + j);
}

/** Where an element of a tile that is cut along one axis lies in the whole. @param tile its place in the tile */
export function placeInWhole({ axis, from, groups = 1, shape: whole }: Slice, shape: Shape, tile: number): number {
  const inner = sizeOf(shape.slice(axis + 1));
  const run = ((shape[axis] ?? 1) / groups) * inner;
  const stride = ((whole[axis] ?? 1) / groups) * inner;
  return Math.floor(tile / run) * stride + from * inner + (tile % run);
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
