/** A transformer block in tiles: attention by heads, the rest by width; nothing is cut where all units are coupled. */
import { expect, test, vi } from 'vitest';
import { cutsOf } from '../../../compiler/6-partition/tiles/cuts.ts';
import { mostTiles } from '../../../compiler/6-partition/tiles/tiling.ts';
import { type Compiled, runWhole, splitTiled } from '../../support/shards.ts';
import { expectAsWhole, smallModel } from '../../support/tiled-training.ts';

vi.setConfig({ testTimeout: 120_000 });

const model = (body: string): Compiled => smallModel('tokens', body, { ids: 'int[3]', y: 'f32[4]' });

const block = (heads: number, causal: boolean, wide: number): Compiled =>
  model(`  sense ids: f32[3]
  node  x: f32[3, 12] = nodes.gaussian()
  node  a: f32[3, ${wide}] = nodes.gaussian()
  node  m: f32[3, 20] = nodes.gaussian()
  node  b: f32[3, ${wide}] = nodes.gaussian()
  node  y: f32[4] = nodes.gaussian()

  link ids -> x = links.embedding(5)
  link x -> a = links.attention(heads = ${heads}, causal = ${causal})
${wide === 12 ? '  link x -> a = links.identity()\n' : ''}
  link a -> m = links.tokenwise(normalize = true, after = gelu)
  link m -> b = links.tokenwise()
  link a -> b = links.identity()
  link b -> y = links.dense()`);

const unitsOf = ({ graph }: Compiled): Record<string, number> =>
  Object.fromEntries(graph.nodes.map((n) => [n.name, mostTiles(graph, n)]));

test.each<[number, boolean, number]>([
  [4, false, 12],
  [3, true, 12],
  [6, true, 18],
])('attention with %i heads, causal %s, width %i is cut between heads', async (heads, causal, wide) => {
  const compiled = block(heads, causal, wide);
  // The narrower end has the weights of attention, and as many units as there are heads.
  const node = wide > 12 ? 'a' : 'x';
  expect(unitsOf(compiled)).toMatchObject({ [node]: heads, m: 20, y: 4 });
  const { weights } = cutsOf(compiled.graph);
  const attention = compiled.graph.links.find((l) => l.weights.some((w) => w.name === 'qkv'))?.name;
  expect(weights.get(`${attention}.qkv`)).toEqual({ node, axis: 2, groups: 1, step: 1 });
  expect(weights.get(`${attention}.mix`)).toEqual({ node, axis: 0, groups: 1, step: 12 / heads });
  const whole = await runWhole(compiled.program);
  for (const [shards, seed] of [
    [2, 0],
    [3, 1],
    [8, 2],
  ] as const)
    await expectAsWhole(compiled, splitTiled(compiled, shards, seed), whole, `${heads} heads`);
});

test('operations that couple all units stay whole', () => {
  const compiled = model(`  sense ids: f32[3]
  node  h: f32[6] = nodes.gaussian()
  node  s: f32[6] = nodes.gaussian(act = softmax)
  node  y: f32[4] = nodes.gaussian()

  link ids -> h = links.dense(after = softmax)
  link h -> s = links.dense()
  link s -> y = links.dense()`);
  expect(unitsOf(compiled)).toEqual({ ids: 3, h: 1, s: 1, y: 4 });
});
