/** Thinned links in tiles: a matrix with a mask is cut as a dense one is, a list of connections stays in one place. */
import { expect, test } from 'vitest';
import { mostTiles } from '../../../compiler/6-partition/tiles/tiling.ts';
import { type Compiled, runWhole, splitTiled } from '../../support/shards.ts';
import { expectAsWhole, smallModel } from '../../support/tiled-training.ts';

const model = (density: number): Compiled =>
  smallModel(
    'thinned',
    `  sense x: f32[12]
  node  h: f32[10] = nodes.gaussian()
  node  y: f32[4] = nodes.gaussian()

  link x -> h = links.sparse(density = ${density})
  link h -> y = links.dense()`,
    { x: 'f32[12]', y: 'f32[4]' },
  );

test.each<[string, number, number]>([
  ['a matrix', 0.6, 12],
  ['a list', 0.1, 1],
])('%s of connections trains in tiles as in one piece', async (name, density, tiles) => {
  const compiled = model(density);
  const { graph } = compiled;
  // The weights live with x, the wider end: the prediction is what crosses.
  expect(graph.nodes.map((n) => mostTiles(graph, n))).toEqual([tiles, 10, 4]);
  const whole = await runWhole(compiled.program);
  for (const [shards, seed] of [
    [2, 0],
    [3, 1],
    [6, 2],
  ] as const)
    await expectAsWhole(compiled, splitTiled(compiled, shards, seed), whole, name);
});
