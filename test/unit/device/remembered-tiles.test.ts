/** Which tiles a training takes: what was measured on that adapter, else the usual ones, whatever the file looks like. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import {
  rememberedHalves,
  rememberedTiles,
  rememberTiles,
  tilesPath,
} from '../../../runtime/cli/measuring/remembered-tiles.ts';
import { bestOf } from '../../../runtime/cli/measuring/tune-tiles.ts';
import { DEFAULT_TILES, type TileName } from '../../../spec/tiles.ts';

let cache = '';
beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), 'nmc-tiles-'));
  vi.stubEnv('XDG_CACHE_HOME', cache);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(cache, { recursive: true });
});

const TALL = { large: 'tall', middle: 'small' } as const;

test('a measurement on an adapter counts for that adapter and its driver alone', () => {
  expect(rememberedTiles('a GPU, driver 1')).toEqual(DEFAULT_TILES);
  rememberTiles('a GPU, driver 1', { tiles: TALL, measured: { 'large tall': 9000 } });
  rememberTiles('another', { tiles: DEFAULT_TILES, measured: {} });
  expect(rememberedTiles('a GPU, driver 1')).toEqual(TALL);
  expect(rememberedTiles('a GPU, driver 2')).toEqual(DEFAULT_TILES);
  // People can read it.
  expect(readFileSync(tilesPath(), 'utf8').split('\n').length).toBeGreaterThan(10);
});

test('the unit that multiplied f16 fastest is remembered with them', () => {
  expect(rememberedHalves('g')).toBeUndefined();
  rememberTiles('g', { tiles: TALL, halves: 'scalars', measured: {} });
  expect([rememberedHalves('g'), rememberedTiles('g')]).toEqual(['scalars', TALL]);
});

test('a unit that does not exist has no owner', () => {
  rememberTiles('g', { tiles: TALL, halves: 'scalars', measured: {} });
  writeFileSync(tilesPath(), readFileSync(tilesPath(), 'utf8').replace('"scalars"', '{"kind": "scalars"}'));
  expect([rememberedHalves('g'), rememberedTiles('g')]).toEqual([undefined, TALL]);
});

test.each([
  '',
  '{"format": 1, "adapters": {"g": {"tiles": {"large"',
  'null',
  '[]',
  '{"format": 1, "adapters": null}',
  '{"format": 1, "adapters": {"g": null}}',
  '{"format": 2, "adapters": {"g": {"tiles": {"large": "tall", "middle": "small"}}}}',
  '{"format": 1, "adapters": {"g": {"tiles": {"large": "huge", "middle": "small"}}}}',
  '{"format": 1, "adapters": {"g": {"tiles": {"large": "small", "middle": "small"}}}}',
  '{"format": 1, "adapters": {"g": {"tiles": {"large": "tall"}}}}',
])('a damaged file is ignored and written anew: %s', (text) => {
  rememberTiles('other', { tiles: TALL, measured: {} });
  writeFileSync(tilesPath(), text);
  expect(rememberedTiles('g')).toEqual(DEFAULT_TILES);
  rememberTiles('g', { tiles: TALL, measured: {} });
  expect(rememberedTiles('g')).toEqual(TALL);
});

test('a cache that does not exist is not a failure', () => {
  expect(existsSync(tilesPath())).toBe(false);
  expect(rememberedTiles('g')).toEqual(DEFAULT_TILES);
});

test('another tile is taken only where it is clearly faster than the usual one', () => {
  const speeds = (large: number, deep: number): Map<TileName, number> =>
    new Map([
      ['large', large],
      ['deep', deep],
      ['tall', 1],
    ]);
  expect(bestOf(speeds(100, 104), 'large')).toBe('large');
  expect(bestOf(speeds(100, 106), 'large')).toBe('deep');
  expect(bestOf(speeds(100, 50), 'large')).toBe('large');
});
