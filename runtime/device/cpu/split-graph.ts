/** A function's graph, apart from the products that make its large gradients. */
import type { RowTile } from '../../../spec/cpu-manifest.ts';
import type { Shape } from '../../../spec/program.ts';

export interface LateGradient {
  /** As the graph names it. */
  readonly output: string;
  readonly shape: Shape;
  /** Makes some rows of it: from `TILE_BEGIN`, before `TILE_END`. */
  readonly graph: Uint8Array;
  readonly tiles: readonly RowTile[];
  /** Inputs of the function's graph, or values that it hands over. */
  readonly inputs: readonly string[];
}

export interface SplitGraph {
  /** The function's graph without these products; nothing where nothing else is left. */
  readonly graph: Uint8Array | undefined;
  /** Further outputs of it, which the products read. */
  readonly handed: readonly string[];
  readonly late: readonly LateGradient[];
}

/** Inputs of a product's graph, i64[1]. */
export const TILE_BEGIN = 'tile:begin';
export const TILE_END = 'tile:end';
