/** Finds the tiles that suit a GPU: each candidate on a product of each size, once; trainings take what was best. */
import {
  DEFAULT_TILES,
  TILE_CANDIDATES,
  TILE_CLASSES,
  type TileChoice,
  type TileClass,
  type TileName,
} from '../../../spec/tiles.ts';
import type { Device } from '../../device/device.ts';
import type { BenchLine } from './device-bench.ts';
import { type Effort, productSpeed, rounded } from './measure.ts';
import type { ProductShape } from './programs.ts';
import { rememberTiles } from './remembered-tiles.ts';

const SHAPES: Readonly<Record<TileClass, ProductShape>> = {
  large: { m: 256, n: 512, k: 512, tb: true },
  middle: { m: 128, n: 64, k: 256, tb: true },
};
/** What is hardly better may be better by chance. */
const WORTH = 1.05;

export async function* tuneTiles(device: Device, effort: Effort): AsyncGenerator<BenchLine> {
  const measured: Record<string, number> = {};
  const best: Record<TileClass, TileName> = { ...DEFAULT_TILES };
  for (const size of TILE_CLASSES) {
    const speeds = new Map<TileName, number>();
    for (const tile of TILE_CANDIDATES[size]) {
      const tiles: TileChoice = { ...DEFAULT_TILES, [size]: tile };
      const value = rounded(await productSpeed(device, SHAPES[size], effort, tiles));
      speeds.set(tile, value);
      measured[`${size} ${tile}`] = value;
      yield { name: `tile ${tile}, ${size} products`, value, unit: 'GFLOP/s', ceiling: null };
    }
    best[size] = bestTile(speeds, DEFAULT_TILES[size]);
  }
  rememberTiles(device.description, { tiles: best, measured });
}

/** The fastest, where it is clearly faster than the usual one. */
export function bestTile(speeds: ReadonlyMap<TileName, number>, usual: TileName): TileName {
  const [[fastest, speed] = [usual, 0]] = [...speeds].sort(([, a], [, b]) => b - a);
  return speed > WORTH * (speeds.get(usual) ?? 0) ? fastest : usual;
}
