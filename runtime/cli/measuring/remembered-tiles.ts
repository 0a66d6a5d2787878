/**
 * Which tiles and units were measured to be best, for each adapter and driver, in a file of the user's cache that
 * people can read.
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { HalfUnit } from '../../../spec/precision.ts';
import { DEFAULT_TILES, TILE_CANDIDATES, TILE_CLASSES, type TileChoice } from '../../../spec/tiles.ts';
import { writeFileAtomic } from '../../support/atomic.ts';
import { cacheFolder } from '../../support/cache-folder.ts';
import { ownPath } from '../../support/safe-path.ts';

const HALF_KINDS: readonly HalfUnit['kind'][] = ['matrices', 'scalars'];

/** A file of another form is ignored, and written anew when somebody measures. */
const FORMAT = 1;

interface Remembered {
  readonly tiles: TileChoice;
  /** The unit that multiplied f16 fastest, where several do. */
  readonly halves?: HalfUnit['kind'];
  /** GFLOP/s by size and tile, as measured. */
  readonly measured: Readonly<Record<string, number>>;
}

interface TilesFile {
  readonly format: typeof FORMAT;
  /** By the words in which the adapter names itself and its driver. */
  readonly adapters: Readonly<Record<string, Remembered>>;
}

export function tilesPath(): string {
  return join(cacheFolder(), 'tiles.json');
}

/** The default where nothing was measured, and where the file is damaged. */
export function rememberedTiles(adapter: string): TileChoice {
  return read().adapters[adapter]?.tiles ?? DEFAULT_TILES;
}

/** Nothing where nothing was measured. */
export function rememberedHalves(adapter: string): HalfUnit['kind'] | undefined {
  return read().adapters[adapter]?.halves;
}

/** @throws EnvironmentError where the cache cannot be written */
export function rememberTiles(adapter: string, remembered: Remembered): void {
  const path = tilesPath();
  mkdirSync(dirname(path), { recursive: true });
  const file: TilesFile = { format: FORMAT, adapters: { ...read().adapters, [adapter]: remembered } };
  writeFileAtomic(ownPath(path), `${JSON.stringify(file, null, 2)}\n`);
}

function read(): TilesFile {
  const nothing: TilesFile = { format: FORMAT, adapters: {} };
  try {
    const { format, adapters } = fieldsOf(JSON.parse(readFileSync(tilesPath(), 'utf8')));
    if (format !== FORMAT) return nothing;
    const sound = Object.entries(fieldsOf(adapters)).flatMap(([name, entry]) => {
      const remembered = rememberedOf(fieldsOf(entry));
      return remembered ? [[name, remembered] as const] : [];
    });
    return { format: FORMAT, adapters: Object.fromEntries(sound) };
  } catch {
    return nothing;
  }
}

/** Fields that were not checked; none where it is not an object. */
function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

function rememberedOf({ tiles, halves, measured }: Readonly<Record<string, unknown>>): Remembered | undefined {
  const choice = choiceOf(fieldsOf(tiles));
  if (!choice) return undefined;
  const unit = HALF_KINDS.find((kind) => kind === halves);
  const speeds = Object.entries(fieldsOf(measured)).filter((e): e is [string, number] => typeof e[1] === 'number');
  return { tiles: choice, ...(unit ? { halves: unit } : {}), measured: Object.fromEntries(speeds) };
}

function choiceOf(tiles: Readonly<Record<string, unknown>>): TileChoice | undefined {
  const [large, middle] = TILE_CLASSES.map((name) => TILE_CANDIDATES[name].find((tile) => tile === tiles[name]));
  return large && middle ? { large, middle } : undefined;
}
