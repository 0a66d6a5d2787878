/**
 * What no error has reached has an error of exactly zero (semantics, 3): for every energy of free nodes, for nodes by
 * names, arrays that are predicted as one and chains within an array, in ticks that are a loop or written out, on every
 * device and in shards. Adam would move the weights there at its full rate by whatever rounding leaves.
 */
import { expect, test } from 'vitest';
import { referenceDevice } from '../../runtime/device/reference/reference.ts';
import { openShard } from '../../runtime/shard/shard.ts';
import type { Op, Program } from '../../spec/program.ts';
import { stream } from '../../spec/random.ts';
import { EVERY } from '../support/every.ts';
import { closeAll, openersOf, type Place, stagedText } from '../support/everywhere.ts';

const ENERGIES = [
  'gaussian()',
  'gaussian(precision = 2)',
  'gaussian(precision = learned)',
  'correlated()',
  'categorical()',
];
const COUNT = 4;
const LAST = 3;
const BATCH = 3;
const WIDTH = 5;

interface Layout {
  readonly nodes: (energy: string) => string;
  readonly links: string;
  /** Links into the nodes at each distance from the input. */
  readonly into: (distance: number) => string;
}

const places = Array.from({ length: LAST + 1 }, (_, i) => i);
const linked = (names: readonly string[]): string =>
  `  link x -> ${names.join(' -> ')} = links.dense(after = tanh)\n  link ${names.at(-1)} -> y = links.dense()`;

const LAYOUTS: Readonly<Record<string, Layout>> = {
  'nodes by names': {
    nodes: (energy) => places.map((i) => `  node h${i}: f32[${WIDTH}] = nodes.${energy}`).join('\n'),
    links: linked(places.map((i) => `h${i}`)),
    into: (i) => (i === 0 ? 'x->h0' : `h${i - 1}->h${i}`),
  },
  'a chain within an array': {
    nodes: (energy) => `  node h[${LAST + 1}]: f32[${WIDTH}] = nodes.${energy}`,
    links: linked(places.map((i) => `h[${i}]`)),
    into: (i) => (i === 0 ? 'x->h[0]' : `h[${i - 1}]->h[${i}]`),
  },
  'arrays that are predicted as one': {
    nodes: (energy) => places.map((i) => `  node h${i}[${COUNT}]: f32[${WIDTH}] = nodes.${energy}`).join('\n'),
    links: places
      .map((i) => {
        const pairs = i === 0 ? '' : ' along topology.one_to_one()';
        return `  link ${i === 0 ? 'x' : `h${i - 1}[*]`} -> h${i}[*] = links.dense(after = tanh)${pairs}`;
      })
      .concat(`  link h${LAST}[*] -> y = links.dense()`)
      .join('\n'),
    into: (i) => (i === 0 ? 'x->h0[1]' : `h${i - 1}[1]->h${i}[1]`),
  },
};

const textOf = (layout: Layout, energy: string, method: string): string => `pcn 1
import std/nodes
import std/links
import std/learn
import std/data
import std/topology
model m {
  sense x: f32[7]
${layout.nodes(energy)}
  node y: f32[3]
${layout.links}
}
train t of m on data.file("x.npz", x = f32[7], y = f32[3]) {
  clamp x = sample.x
  clamp y = sample.y
  method = learn.${method}
  optimizer = learn.adam(rate = 0.01)
  batch = ${BATCH}
}
`;

/** As on a machine whose loops, and products of several pages, round otherwise than its straight code. */
function roundedOtherwise(program: Program): Program {
  const rounded = (op: Op): Op[] => {
    const factor: Op = { id: `${op.id}~factor`, op: 'constant', args: [], attributes: { value: 1 + 1e-7 }, shape: [] };
    const exact = { ...op, id: `${op.id}~exact` };
    return [factor, exact, { ...op, op: 'mul', args: [exact.id, factor.id], attributes: {} }];
  };
  const functions = program.functions.map((f) => ({
    ...f,
    blocks: f.blocks.map((block) => {
      const otherwise = (op: Op): boolean => op.op === 'matmul' && (block.carries.length > 0 || op.shape.length > 2);
      return { ...block, ops: block.ops.flatMap((op) => (otherwise(op) ? rounded(op) : [op])) };
    }),
  }));
  return { ...program, functions };
}

async function open(text: string, names: readonly string[]): Promise<Place[]> {
  const staged = stagedText(text);
  const program = roundedOtherwise(staged.program);
  const openers = {
    ...openersOf(staged),
    'another rounding': () =>
      openShard(referenceDevice, { program, files: new Map() }, () => ({ seed: 3, statistics: new Map() })),
  };
  const wanted = Object.entries(openers).filter(([name]) => names.includes(name));
  return Promise.all(wanted.map(async ([name, opener]) => ({ name, shard: await opener() })));
}

async function weightsOf({ shard }: Place): Promise<Map<string, number[]>> {
  const { parameters } = await shard.save();
  return new Map(parameters.map(({ name, data }) => [name, Array.from(data as ArrayLike<number>)]));
}

const drawn = (name: string, size: number): Float32Array => {
  const rng = stream(7, name);
  return Float32Array.from({ length: size }, (_, i) => rng.normal(i));
};

/** Ticks as a loop and written out; the first node (from the input) that an error has reached when weights move. */
const RULES = [
  ['il(steps = 1, rate = 0.1)', LAST, ['reference', 'cpu', 'webgpu', 'shards', 'another rounding']],
  ['il(steps = 2, rate = 0.1)', LAST - 1, ['reference', 'cpu', 'shards', 'another rounding']],
  ['ipc(steps = 1, rate = 0.1)', LAST + 1, ['cpu', 'shards', 'another rounding']],
] as const;

/**
 * A GPU takes seconds to make the kernels of several ticks, so each energy and each layout is there, but not each pair.
 * Under ipc what has moved once goes on moving by its momentum, so that a mask holds in the first tick alone: behind it
 * categorical nodes keep rounding, and all others are exact.
 */
const ON_GPUS = [
  ['categorical()', 'nodes by names', 'il(steps = 3, rate = 0.1)', LAST - 2],
  ['categorical()', 'arrays that are predicted as one', 'il(steps = 2, rate = 0.1)', LAST - 1],
  ['gaussian(precision = learned)', 'a chain within an array', 'il(steps = 3, rate = 0.1)', LAST - 2],
  ['correlated()', 'arrays that are predicted as one', 'il(steps = 3, rate = 0.1)', LAST - 2],
  ['gaussian(precision = 2)', 'a chain within an array', 'ipc(steps = 3, rate = 0.1)', LAST - 1],
  ['gaussian()', 'arrays that are predicted as one', 'ipc(steps = 2, rate = 0.1)', LAST],
] as const;

/** Each energy in each layout by one of the rules, which take turns. */
const cases = [
  ...Object.keys(LAYOUTS).flatMap((layout, i) =>
    ENERGIES.flatMap((energy, j) =>
      RULES.filter((_, k) => EVERY || (i + j) % RULES.length === k).map(
        ([method, reached, where]) => [energy, layout, method, reached, where] as const,
      ),
    ),
  ),
  ...ON_GPUS.slice(0, EVERY ? ON_GPUS.length : 3).map((one) => [...one, ['webgpu']] as const),
];

test.each(cases)('%s, %s, %s leaves weights that no error has reached as they are', async (...wanted) => {
  const [energy, layoutName, method, reached, where] = wanted;
  const layout = LAYOUTS[layoutName] as Layout;
  const all = await open(textOf(layout, energy, method), where);
  expect(all.map(({ name }) => name).sort()).toEqual([...where].sort());
  const inputs = { x: drawn('x', BATCH * 7), y: drawn('y', BATCH * 3) };
  for (const place of all) {
    const before = await weightsOf(place);
    await place.shard.run('train', inputs, { batch: 0, batches: 2, step: 0 });
    const after = await weightsOf(place);
    for (const i of places)
      for (const weight of ['w', 'c']) {
        const name = `${layout.into(i)}.${weight}`;
        if (i < reached) expect(after.get(name), `${place.name}: ${name}`).toEqual(before.get(name));
        else expect(after.get(name), `${place.name}: ${name}`).not.toEqual(before.get(name));
      }
  }
  await closeAll(all);
});
