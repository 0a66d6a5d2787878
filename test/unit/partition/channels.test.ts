/** Pictures are cut by channels: every link of theirs, its weights and their gradients, in tiles as in one piece. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { cutModel } from '../../../compiler/6-partition/cut-model.ts';
import { uniformMachines } from '../../../compiler/6-partition/problem.ts';
import { assignmentOf, sideOf } from '../../../compiler/6-partition/shards/pieces.ts';
import { splitProgram } from '../../../compiler/6-partition/shards/split.ts';
import { tiledOwners, tiledPieces } from '../../../compiler/6-partition/tiles/owners.ts';
import { tileProgram } from '../../../compiler/6-partition/tiles/tile.ts';
import { mostTiles } from '../../../compiler/6-partition/tiles/tiling.ts';
import { countBorders } from '../../../compiler/8-plan/borders.ts';
import { buildProgram, type Staged } from '../../../compiler/compile.ts';
import { initialValues } from '../../../spec/initialise.ts';
import { cutFrom } from '../../../spec/slices.ts';
import { checked } from '../../support/check-source.ts';
import { type Compiled, runWhole, splitTiled } from '../../support/shards.ts';
import { expectAsWhole, smallModel } from '../../support/tiled-training.ts';

vi.setConfig({ testTimeout: 120_000 });

/** A model of these nodes and links; x and y are clamped. */
function model(nodes: string, links: string, x: string, y: string): Compiled {
  const body = `  sense x: f32[${x}]
${nodes}
  node  y: f32[${y}] = nodes.gaussian()

${links}`;
  return smallModel('pictures', body, { x: `f32[${x}]`, y: `f32[${y}]` });
}

const node = (name: string, shape: string): string => `  node  ${name}: f32[${shape}] = nodes.gaussian()`;
const link = (from: string, to: string, of: string): string => `  link ${from} -> ${to} = links.${of}`;

const cases: readonly (readonly [string, Compiled])[] = [
  [
    'conv, stride and padding',
    model(
      [node('a', '3, 3, 4'), node('b', '3, 3, 5')].join('\n'),
      [
        link('x', 'a', 'conv(kernel = [3, 3], stride = 2, padding = 1, after = gelu)'),
        link('a', 'b', 'conv(kernel = [3, 3], padding = 1, after = tanh)'),
        link('b', 'y', 'dense()'),
      ].join('\n'),
      '5, 5, 3',
      '4',
    ),
  ],
  [
    'conv_pool',
    model(
      [node('a', '4, 4, 3'), node('b', '2, 2, 4')].join('\n'),
      [
        link('x', 'a', 'conv_pool(kernel = [1, 1], pool = 2, after = gelu)'),
        link('a', 'b', 'conv_pool(kernel = [3, 3], padding = 1, pool = 2, average = true, bias = false)'),
        link('b', 'y', 'dense(after = tanh)'),
      ].join('\n'),
      '8, 8, 2',
      '3',
    ),
  ],
  [
    'from units to a picture',
    model(
      [node('a', '2, 2, 6'), node('b', '4, 4, 5')].join('\n'),
      [
        link('x', 'a', 'dense(after = gelu)'),
        link('a', 'b', 'conv_transpose(kernel = [2, 2], stride = 2, after = relu)'),
        link('b', 'y', 'conv_transpose(kernel = [3, 3], padding = 1)'),
      ].join('\n'),
      '4',
      '4, 4, 3',
    ),
  ],
  [
    'pool, skips and a diagonal',
    model(
      [node('a', '4, 4, 4'), node('b', '2, 2, 4'), node('c', '2, 2, 4')].join('\n'),
      [
        link('x', 'a', 'conv(kernel = [3, 3], padding = 1)'),
        link('a', 'b', 'pool(window = 2)'),
        link('b', 'c', 'one_to_one()'),
        link('b', 'c', 'identity(scale = 0.5)'),
        link('b', 'c', 'residual(depth = 2)'),
        link('c', 'y', 'scaled(act = tanh)'),
      ].join('\n'),
      '4, 4, 2',
      '2, 2, 3',
    ),
  ],
];

test.each(cases)('%s trains in shards as in one piece', async (name, compiled) => {
  const { graph } = compiled;
  for (const { name: id, shape } of graph.nodes.filter((n) => n.shape.length === 3))
    expect(mostTiles(graph, graph.nodes.find((n) => n.name === id) as (typeof graph.nodes)[0]), id).toBe(shape[2]);
  const whole = await runWhole(compiled.program);
  for (const [shards, seed] of [
    [2, 0],
    [3, 1],
    [8, 2],
  ] as const)
    await expectAsWhole(compiled, splitTiled(compiled, shards, seed), whole, name);
});

test('pictures of any number of channels are cut into any number of shards', async () => {
  const channels = fc.integer({ min: 2, max: 6 });
  await fc.assert(
    fc.asyncProperty(
      channels,
      channels,
      channels,
      fc.integer({ min: 2, max: 8 }),
      fc.nat(1000),
      async (p, q, r, k, seed) => {
        const compiled = model(
          [node('a', `4, 4, ${q}`), node('b', `2, 2, ${r}`)].join('\n'),
          [
            link('x', 'a', 'conv(kernel = [3, 3], padding = 1, after = tanh)'),
            link('a', 'b', 'conv_pool(kernel = [3, 3], padding = 1, pool = 2, after = gelu)'),
            link('b', 'y', 'dense()'),
          ].join('\n'),
          `4, 4, ${p}`,
          '3',
        );
        const whole = await runWhole(compiled.program);
        await expectAsWhole(compiled, splitTiled(compiled, k, seed), whole, `${p} ${q} ${r}, seed ${seed}`);
      },
    ),
    { numRuns: 10, seed: 7 },
  );
});

test('tiles of weights are drawn like the whole, wherever they are', () => {
  for (const [name, compiled] of cases) {
    const wholes = new Map(compiled.program.states.map((s) => [s.id, initialValues(s, 3)]));
    const tiles = splitTiled(compiled, 3, 4).flatMap((s) => s.program.states.filter((state) => state.slice));
    expect(
      tiles.some((t) => t.shape.length === 4 || t.slice?.groups),
      name,
    ).toBeTruthy();
    for (const { slice, shape, ...state } of tiles) {
      const whole = wholes.get(slice?.of ?? '');
      if (!slice || !whole) throw new Error(`${state.id} is a tile of nothing`);
      expect(initialValues({ ...state, shape, slice }, 3), `${name} ${state.id}`).toEqual(cutFrom(whole, slice, shape));
    }
  }
});

/** Cut in the middle of its hidden picture; the clamped ends stay whole, x with the first half, y with the second. */
test('a border of channels carries a sum for every unit of the target, and its error', () => {
  const compiled = model(
    node('a', '4, 4, 6'),
    [link('x', 'a', 'conv(kernel = [3, 3], padding = 1)'), link('a', 'y', 'dense(bias = false)')].join('\n'),
    '4, 4, 2',
    '5',
  );
  const { graph, program } = compiled;
  const tiling = new Map([['a', [0, 3, 6]]]);
  const pieces = tiledPieces(graph, tiling);
  const part = Int32Array.from(pieces, (owner) => (owner === 'node x' || owner === 'node a/0' ? 0 : 1));
  const tiled = tileProgram(graph, program, tiling);
  const split = splitProgram(tiled, tiledOwners(graph, tiling), assignmentOf(graph, pieces, part), 2);
  const [border] = countBorders(
    split.map((s) => s.schedule),
    'train',
  );
  const [there, back] = border?.flows ?? [];
  const values = 2 * 5;
  expect([there?.from, there?.valuesPerTick, there?.bytesPerTick]).toEqual([
    0,
    values,
    { f32: 4 * values, f16: 2 * values, f64: 8 * values },
  ]);
  expect([back?.from, back?.valuesPerTick]).toEqual([1, values]);
});

function stagedConv(): Staged {
  const all = checked(readFileSync('dsl-examples/conv.pcn', 'utf8'));
  const [task] = all.trains;
  if (!task) throw new Error('no task');
  return buildProgram({ checked: all, model: task.model, task, predicts: [] });
}

test('a convolution is made for every channel, and no more often', () => {
  const staged = stagedConv();
  expect(cutModel(staged, uniformMachines(35)).kind).toBe('cut');
  const more = cutModel(staged, uniformMachines(36));
  expect(more.kind === 'impossible' && more.reason).toBe('conv can be cut into at most 35 parts, not into 36');
});

test('tiles go from their maker to their readers, and no shard sends for all', () => {
  const staged = stagedConv();
  const cut = cutModel(staged, uniformMachines(8));
  if (cut.kind !== 'cut') throw new Error(cut.reason);
  const flows = countBorders(
    cut.split.map((s) => s.schedule),
    'train',
  ).flatMap((border) => border.flows);
  const sent = new Array<number>(8).fill(0);
  for (const { from, valuesPerBatch } of flows) sent[from] = (sent[from] as number) + valuesPerBatch;
  expect(Math.max(...sent)).toBeLessThan(0.25 * sent.reduce((a, b) => a + b));
});

test('weights lie where less crosses the border: sums that are pooled are larger than the target', () => {
  const { graph } = stagedConv();
  const sides = graph.links.map((l) => [l.source, l.target, sideOf(graph, l)]);
  expect(sides).toEqual([
    ['image', 'edges', 'target'],
    ['edges', 'parts', 'target'],
    ['parts', 'label', 'source'],
  ]);
});
