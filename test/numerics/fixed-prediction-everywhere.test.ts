/** Fixed prediction on every device and over shards: backpropagation's steps, to 1e-12 in f64 and 1e-5 in f32. */
import { describe, expect, test } from 'vitest';
import type { Shard } from '../../runtime/shard/shard.ts';
import { stream } from '../../spec/random.ts';
import { openersOf, stagedText } from '../support/everywhere.ts';
import { relativeError } from '../support/networks.ts';

const BATCH = 8;

const models: readonly [string, string][] = [
  [
    'a chain',
    `node a: f32[12] = nodes.gaussian(act = tanh)
  node b: f32[9] = nodes.gaussian(act = gelu)
  link x -> a -> b -> y = links.dense()`,
  ],
  [
    'skips of two lengths',
    `node a: f32[12] = nodes.gaussian(act = tanh)
  node b: f32[9] = nodes.gaussian(act = tanh)
  node c: f32[9] = nodes.gaussian(act = tanh)
  link x -> a -> b -> c -> y = links.dense()
  link a -> c = links.dense()
  link b -> c = links.identity()
  link x -> y = links.dense()
  link a -> y = links.dense()`,
  ],
  [
    'exact nodes',
    `node a: f32[12] = nodes.exact(act = tanh)
  node b: f32[9] = nodes.gaussian(act = tanh)
  node c: f32[9] = nodes.exact(act = gelu)
  link x -> a -> b -> c -> y = links.dense()
  link a -> c = links.dense()
  link b -> y = links.dense()`,
  ],
  [
    'an array',
    `node h[6]: f32[9] = nodes.gaussian(act = tanh)
  link x -> h[0] = links.dense()
  link h[0..4] -> h[1..5] = links.residual(depth = 6) along topology.one_to_one()
  link h[5] -> y = links.scaled()`,
  ],
];

function textOf(body: string, method: string): string {
  return `pcn 1

import std/nodes
import std/links
import std/topology
import std/learn
import std/data

model m {
  sense x: f32[10]
  ${body.replace(/^/, 'node y: f32[4]\n  ')}
}

train t of m on data.file("m.npz", x = f32[10], y = f32[4]) {
  clamp x = sample.x
  clamp y = sample.y
  method = ${method}
  optimizer = learn.sgd(rate = 1)
  batch = ${BATCH}
}
`;
}

type Weights = ReadonlyMap<string, Float64Array>;

async function weightsOf(shard: Shard): Promise<Weights> {
  const { parameters } = await shard.save();
  return new Map(parameters.map((t) => [t.name, Float64Array.from(t.data as ArrayLike<number>)]));
}

/** How the weights move by one batch. */
async function stepsOf(open: () => Promise<Shard>): Promise<Weights> {
  const shard = await open();
  const before = await weightsOf(shard);
  const rng = stream(1, 'sample');
  const numbers = (n: number, from: number): Float32Array =>
    Float32Array.from({ length: n }, (_, i) => rng.normal(from + i));
  const inputs = { x: numbers(10 * BATCH, 0), y: numbers(4 * BATCH, 1000) };
  await shard.run('train', inputs, { batch: 0, batches: 1, step: 0 });
  const after = await weightsOf(shard);
  await shard.close();
  return new Map([...before].map(([name, w]) => [name, w.map((v, i) => v - (after.get(name)?.[i] ?? Number.NaN))]));
}

describe.each(models)('%s', (_, body) => {
  const [fixed, bp] = ['learn.fixed_prediction()', 'learn.bp()'].map((m) => openersOf(stagedText(textOf(body, m))));
  test.each([
    ['reference', 1e-12],
    ['shards', 1e-12],
    ['cpu', 1e-5],
    ['webgpu', 1e-5],
  ] as const)('on %s', async (place, bound) => {
    const wanted = await stepsOf(bp?.reference as () => Promise<Shard>);
    const found = await stepsOf(fixed?.[place] as () => Promise<Shard>);
    for (const [name, step] of wanted) expect(relativeError(found.get(name) ?? [], step), name).toBeLessThan(bound);
  });
});
