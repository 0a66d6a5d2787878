/**
 * Finds the tiles that suit a GPU, and what multiplies f16 fastest: each candidate on a product of each size, once;
 * trainings take what was best.
 */

import type { HalfUnit } from '../../../spec/precision.ts';
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
import { unitName } from './variants.ts';

const SHAPES: Readonly<Record<TileClass, ProductShape>> = {
  large: { m: 256, n: 512, k: 512, tb: true },
  middle: { m: 128, n: 64, k: 256, tb: true },
};
/** A smaller gain may be chance. */
const WORTH = 1.05;

/**
 * @param units what multiplies f16; first the one that is taken without a measurement
 * @param inHalves opens a device for them
 */
export async function* tuneTiles(
  device: Device,
  effort: Effort,
  units: readonly HalfUnit[],
  inHalves: () => Promise<Device>,
): AsyncGenerator<BenchLine> {
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
    best[size] = bestOf(speeds, DEFAULT_TILES[size]);
  }
  const halves = new Map<HalfUnit['kind'], number>();
  for (const unit of units.length > 1 ? units : []) {
    const own: Device = { ...(await inHalves()), precision: 'f16', halves: [unit] };
    const value = rounded(await productSpeed(own, SHAPES.large, effort, best));
    halves.set(unit.kind, value);
    measured[`f16 ${unit.kind}`] = value;
    yield { name: 'large products', value, unit: 'GFLOP/s', ceiling: null, precision: 'f16', by: unitName(unit) };
  }
  const [usual] = halves.keys();
  rememberTiles(device.description, { tiles: best, measured, ...(usual ? { halves: bestOf(halves, usual) } : {}) });
}

/** The fastest, where it is clearly faster than the usual one. */
export function bestOf<Name>(speeds: ReadonlyMap<Name, number>, usual: Name): Name {
  const [[fastest, speed] = [usual, 0]] = [...speeds].sort(([, a], [, b]) => b - a);
  return speed > WORTH * (speeds.get(usual) ?? 0) ? fastest : usual;
}
