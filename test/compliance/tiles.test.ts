/** Every choice of tiles gives the bits of every other: products alone and of one launch, sizes that fit none of them. */
import { expect, test } from 'vitest';
import { lowerToWgsl } from '../../compiler/7-kernels/wgsl/lower.ts';
import type { Tensor } from '../../runtime/device/device.ts';
import type { Program } from '../../spec/program.ts';
import { DEFAULT_TILES, TILES, type TileChoice } from '../../spec/tiles.ts';
import { relativeError } from '../support/networks.ts';
import { sideBySide } from '../support/product-programs.ts';
import { openReference } from '../support/reference.ts';
import { runOnce } from '../support/run-program.ts';
import { openLowered } from '../support/webgpu.ts';

const PROGRAMS: Readonly<Record<string, Program>> = {
  'products of one launch': sideBySide([
    { m: 129, n: 131, k: 33, ta: true, tb: true },
    { m: 130, n: 135, k: 65 },
    { m: 21, n: 34, k: 17, tb: true },
    // Without tiles, and more rows than the smallest group works out at once.
    { m: 11, n: 5, k: 7 },
  ]),
  'a large product': sideBySide([{ m: 133, n: 129, k: 67, tb: true }]),
  'a product of middle size': sideBySide([{ m: 35, n: 61, k: 49, ta: true }]),
};

const CHOICES: readonly TileChoice[] = [
  { large: 'deep', middle: 'small' },
  { large: 'tall', middle: 'small' },
  { large: 'middle', middle: 'middle' },
];

const results = (program: Program, tiles: TileChoice): Promise<Record<string, Tensor>> =>
  runOnce(
    openLowered((p) => lowerToWgsl(p, { tiles })),
    program,
  );

test.each(Object.entries(PROGRAMS))('tiles of %s give the same products', { timeout: 600_000 }, async (_, program) => {
  const usual = await results(program, DEFAULT_TILES);
  const wanted = await runOnce(openReference, program);
  for (const [name, values] of Object.entries(wanted))
    expect(relativeError(usual[name] ?? [], values), name).toBeLessThan(1e-5);
  const texts = new Set(
    [DEFAULT_TILES, ...CHOICES].map((c) => [...lowerToWgsl(program, { tiles: c }).modules.keys()].join()),
  );
  expect(texts.size).toBeGreaterThan(1);
  for (const tiles of CHOICES) expect(await results(program, tiles), JSON.stringify(tiles)).toEqual(usual);
});

test('every tile fits what every adapter has', () => {
  for (const [name, { threads, rows, depth }] of Object.entries(TILES)) {
    const [down, across] = [threads[0] * rows, threads[1] * 4];
    expect(threads[0] * threads[1], name).toBeLessThanOrEqual(256);
    expect(4 * depth * (down + across), name).toBeLessThanOrEqual(16384);
    // The strips of a launch's plain parts are 16 wide.
    expect((threads[0] * threads[1]) % 16, name).toBe(0);
  }
});
