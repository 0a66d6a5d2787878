/** How products of each size are worked out on a device. */
import type { HalfUnit, MatrixUnit } from '../../../spec/precision.ts';
import { TILES, type Tile, type TileChoice, type TileClass } from '../../../spec/tiles.ts';

/** Strips of both sides in the memory of a group; each thread sums a block of the result. */
export interface TileForm {
  readonly kind: 'tiles';
  readonly tile: Tile;
  /** Of the strips. */
  readonly element: 'f32' | 'f16';
}

/** Strips as well, multiplied by units for small matrices. */
export type ProductForm = TileForm | MatrixUnit;
export type ProductForms = Readonly<Record<TileClass, ProductForm>>;

/** @param halves what multiplies both sides in half precision, where that is wanted */
export function formsFor(tiles: TileChoice, halves?: HalfUnit): ProductForms {
  const inTiles = (size: TileClass): TileForm => ({
    kind: 'tiles',
    tile: TILES[tiles[size]],
    element: halves ? 'f16' : 'f32',
  });
  return { large: halves?.kind === 'matrices' ? halves : inTiles('large'), middle: inTiles('middle') };
}

/** Columns of the result that a thread works out in tiles. */
export const COLUMNS = 4;
/** Subgroups down and across that share strips of both sides, and rows and columns of the result of each. */
export const SUBGROUPS = [2, 2] as const;
export const SUBGROUP_BLOCK = 32;
/** Depth of the strips that matrix units multiply. */
export const MATRIX_DEPTH = 32;

/** Rows of the result that a group works out. */
export const rowsOf = (form: ProductForm): number =>
  form.kind === 'tiles' ? form.tile.threads[0] * form.tile.rows : SUBGROUPS[0] * SUBGROUP_BLOCK;
export const columnsOf = (form: ProductForm): number =>
  form.kind === 'tiles' ? form.tile.threads[1] * COLUMNS : SUBGROUPS[1] * SUBGROUP_BLOCK;

/** Text in front of the `main` of a group of this form. @param inSubgroups some of its work is shared by them */
export function groupOf(form: ProductForm, inSubgroups = true): string {
  const sized = form.kind === 'matrices' && form.sized && inSubgroups ? ` @subgroup_size(${form.lanes})` : '';
  return `@compute @workgroup_size(${threadsOf(form)})${sized}`;
}

/** Further parameters of `main`, where subgroups share the work. */
export const SUBGROUP = '@builtin(subgroup_id) subgroup: u32';

/** Products of one launch have groups of as many threads, and share the memory of one form. */
export const threadsOf = (form: ProductForm): number =>
  form.kind === 'tiles' ? form.tile.threads[0] * form.tile.threads[1] : SUBGROUPS[0] * SUBGROUPS[1] * form.lanes;
