/**
 * Tiles of products: how many elements of the result a group of threads works out, and how much of both sides it loads
 * at a time. Every sum runs over the terms from first to last in each of them, so the choice changes how fast a GPU is
 * and not what it gives.
 */

export interface Tile {
  /** Threads down and across. */
  readonly threads: readonly [number, number];
  /** Rows of the result that a thread works out; its columns are always four. */
  readonly rows: number;
  /** Columns of the left side in one strip. */
  readonly depth: number;
}

/** Each within the 16 KiB and the 256 threads that every adapter has for a group. */
export const TILES = {
  small: { threads: [8, 8], rows: 2, depth: 16 },
  middle: { threads: [8, 8], rows: 4, depth: 16 },
  large: { threads: [16, 16], rows: 4, depth: 16 },
  deep: { threads: [16, 16], rows: 4, depth: 32 },
  tall: { threads: [16, 16], rows: 8, depth: 16 },
} as const satisfies Record<string, Tile>;

export type TileName = keyof typeof TILES;

/** Results of two sizes; narrow ones have no tiles. */
export const TILE_CLASSES = ['large', 'middle'] as const;
export type TileClass = (typeof TILE_CLASSES)[number];

/** Which tile products of each size have. */
export type TileChoice = Readonly<Record<TileClass, TileName>>;

/** Without a measurement. */
export const DEFAULT_TILES: TileChoice = { large: 'large', middle: 'middle' };

/** Tiles that are worth trying for each size. */
export const TILE_CANDIDATES: Readonly<Record<TileClass, readonly TileName[]>> = {
  large: ['large', 'deep', 'tall', 'middle'],
  middle: ['middle', 'small'],
};
