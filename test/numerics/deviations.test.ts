/**
 * Values that are kept as deviations from the forward sweep (equation 7e): the same training, and in f32 errors that small
 * rates leave of them where values themselves have only rounding left.
 */
import { expect, test } from 'vitest';
import { readsDifference } from '../../compiler/5-program/deviations.ts';
import { leaf } from '../../compiler/operators/expr.ts';
import type { Shard } from '../../runtime/shard/shard.ts';
import { stream } from '../../spec/random.ts';
import { openersOf, stagedText } from '../support/everywhere.ts';
import { relativeError } from '../support/networks.ts';

const BATCH = 8;
const SIZES = { x: 6, y: 3 };

/** A skip, an exact node, learned precisions, and a categorical node, whose energy is of no difference. */
const RICH = `
  sense x: f32[6]
  node a: f32[12] = nodes.gaussian(act = tanh)
  node b: f32[12] = nodes.exact(act = tanh)
  node c: f32[12] = nodes.gaussian(precision = learned)
  node d: f32[12] = nodes.categorical()
  node e: f32[12] = nodes.gaussian(precision = 2)
  node y: f32[3] = nodes.gaussian()
  link x -> a -> b -> c -> d -> e = links.dense()
  link a -> c = links.dense()
  link e -> y = links.dense(after = tanh)`;

/** Four links between values. */
const CHAIN = `
  sense x: f32[6]
  node a: f32[12] = nodes.gaussian(act = tanh)
  node b: f32[12] = nodes.gaussian(act = tanh)
  node c: f32[12] = nodes.gaussian(act = tanh)
  node y: f32[3] = nodes.gaussian()
  link x -> a -> b -> c -> y = links.dense()`;

const withMethod = (model: string, method: string, rate = '1'): string => `pcn 1

import std/nodes
import std/links
import std/learn
import std/data

model m {${model}
}

train t of m on data.file("m.npz", x = f32[6], y = f32[3]) {
  clamp x = sample.x
  clamp y = sample.y
  method = learn.${method}
  optimizer = learn.sgd(rate = ${rate})
  batch = ${BATCH}
}
`;

type Weights = ReadonlyMap<string, Float64Array>;

/** How so many batches move the weights. */
async function stepsOf(open: (() => Promise<Shard>) | undefined, batches = 2): Promise<Weights> {
  const shard = await open?.();
  if (!shard) throw new Error('no such place');
  const weights = async (): Promise<Weights> =>
    new Map((await shard.save()).parameters.map((t) => [t.name, Float64Array.from(t.data as ArrayLike<number>)]));
  const before = await weights();
  const rng = stream(1, 'sample');
  const field = (n: number, from: number): Float32Array =>
    Float32Array.from({ length: BATCH * n }, (_, i) => rng.normal(from + i));
  for (let batch = 0; batch < batches; batch++) {
    const inputs = { x: field(SIZES.x, 5000 * batch), y: field(SIZES.y, 5000 * batch + 1000) };
    await shard.run('train', inputs, { batch, batches, step: 0 });
  }
  const after = await weights();
  await shard.close();
  return new Map([...after].map(([id, w]) => [id, w.map((v, i) => v - (before.get(id)?.[i] ?? 0))]));
}

const METHODS = [
  'il(steps = 6, rate = 0.1)',
  'il(steps = 6, rate = 0.1, momentum = 0.5)',
  'nudged(steps = 6, rate = 0.1, beta = 0.3, sign = centred)',
  'pc_alm(steps = 6, rate = 0.1)',
];

const kept = (method: string): string => method.replace(/\)$/, ', deviations = true)');

test.each(METHODS)('%s is the same training in f64, as it is and in shards', async (method) => {
  const plain = await stepsOf(openersOf(stagedText(withMethod(RICH, method))).reference);
  const open = openersOf(stagedText(withMethod(RICH, kept(method))));
  for (const place of ['reference', 'shards']) {
    const found = await stepsOf(open[place]);
    for (const [id, w] of plain) expect(relativeError(found.get(id) ?? [], w), `${place} ${id}`).toBeLessThan(1e-9);
  }
});

test.each(['cpu', 'webgpu'] as const)('on %s errors of a small rate outlast rounding', async (place) => {
  // In three ticks the last error is all that there is: written out, it is no difference of values.
  const method = 'il(steps = 4, rate = 0.001)';
  const of = async (text: string): Promise<number> => {
    // At this rate the weights have moved by far more than they were.
    const open = openersOf(stagedText(withMethod(CHAIN, text, '1.0e12')));
    const wanted = (await stepsOf(open.reference, 1)).get('x->a.w') ?? [];
    return relativeError((await stepsOf(open[place], 1)).get('x->a.w') ?? [], wanted);
  };
  expect(await of(method)).toBeGreaterThan(0.1);
  expect(await of(kept(method))).toBeLessThan(0.01);
});

test('only an energy of the difference lets the sweep be taken from both', () => {
  const [z, mu] = ['z', 'mu'].map((name) => leaf(name, [2]));
  if (!z || !mu) throw new Error('no leaves');
  const sub = { kind: 'apply' as const, op: 'sub' as const, args: [z, mu], attributes: {}, shape: [2] };
  expect(readsDifference(sub)).toBe(true);
  expect(readsDifference({ ...sub, args: [mu, z] })).toBe(true);
  expect(readsDifference({ ...sub, args: [z, z] })).toBe(false);
  expect(readsDifference({ ...sub, op: 'mul', args: [sub, z] })).toBe(false);
  expect(readsDifference({ ...sub, op: 'mul', args: [sub, sub] })).toBe(true);
});
