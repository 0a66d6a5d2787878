/** Models that random ones shrank to when they found a mistake. */
import { expect, test } from 'vitest';
import { pipelineProblem } from '../../compiler/5-program/pipeline.ts';
import { check } from './check.ts';
import { compiled } from './compare.ts';
import { cpu, cpuShards, reference, shards } from './devices.ts';

const model = (body: string, task: string, rate = '0.1'): string => `pcn 1

import std/nodes
import std/links
import std/learn
import std/data
import std/topology

model m {
  sense x: f32[2]
${body}
}

train t of m on data.file("m.npz", x = f32[2], y = f32[3]) {
  clamp x = sample.x
${task}
  optimizer = learn.sgd(rate = ${rate})
  batch = 2
  epochs = 1
}
`;

/** The same with an optimizer of its own, and in microbatches. */
const reducing = (text: string, step: string): string => `${text
  .replace('model m {', `optimizer own(rate: rate) {\n  next weight = ${step}\n}\n\nmodel m {`)
  .replace('learn.sgd', 'own')}
schedule s of m {
  mode = pipelined
  microbatches = 2
}
`;

const SETTLED = `  clamp y = sample.y
  method = learn.il(steps = 2, rate = 0.1)`;

test.each([
  [
    'a delayed link that skips levels under z_il gets no identity nodes',
    model(
      `  node h: f32[2] = nodes.gaussian()
  node k: f32[2] = nodes.gaussian()
  node y: f32[3] = nodes.gaussian()
  link x -> h -> k -> y = links.dense()
  link h -> y = links.dense(delay = 1)`,
      `  clamp y = sample.y
  method = learn.z_il()`,
    ),
  ],
  [
    'the free elements of an output settle under z_il',
    model(
      `  node h: f32[2] = nodes.gaussian()
  node y: f32[3] = nodes.correlated()
  link x -> h -> y = links.dense()`,
      `  clamp y = sample.y when range(3) < 2
  method = learn.z_il()`,
    ),
  ],
  [
    'shards tell each other the biases of a link as they move under ipc',
    model(
      `  node h: f32[3]
  node k: f32[3]
  node y: f32[3]
  link x -> h = links.dense()
  link h -> k = links.scaled()
  link k -> y = links.dense()
  link h -> k = links.dense()
  link h -> k = links.one_to_one()`,
      `  clamp y = sample.y
  method = learn.ipc(steps = 3)`,
    ),
  ],
  [
    'shards keep the weights of a node that teaches no other',
    model(
      `  node a: f32[3]
  node b: f32[3]
  node y: f32[3]
  link x -> a -> y = links.dense()
  link x -> b = links.dense()`,
      `  clamp y = sample.y
  method = learn.bp()`,
    ),
  ],
  [
    'unequal numbers of links of an array predict the nodes of another',
    model(
      `  node h0[5]: f32[1]
  node h1[2]: f32[5]
  node y: f32[3]
  link x -> h0[*] = links.dense()
  link h0[*] -> h1[*] = links.dense() along topology.random(density = 0.5)
  link h1[*] -> y = links.dense()
  link h0[*] -> h1[*] = links.dense() along topology.all()`,
      `  clamp y = sample.y
  method = learn.il(steps = 2, rate = 0.1)`,
    ),
  ],
  [
    'shards read the tick that they are called for',
    model(
      `  node h: f32[3]
  node y: f32[3]
  link x -> h -> y = links.dense()`,
      `  clamp y = sample.y
  method = learn.ipc(steps = 3)`,
      'learn.warmup_cosine(0.1)',
    ),
  ],
  [
    'shards tell each other what equal states of two links became under ipc',
    model(
      `  node h: f32[3]
  node y: f32[3]
  node cause: f32[2]
  link x -> h -> y = links.dense()
  link cause -> y = links.dense()`,
      `  clamp y = sample.y
  method = learn.ipc(steps = 3)`,
    ).replace('learn.sgd', 'learn.momentum'),
  ],
  [
    'a node that an array predicts rests until an error can have come',
    model(
      `  node a[2]: f32[1]
  node h[4]: f32[1] = nodes.gaussian(act = tanh)
  node k: f32[1]
  node y: f32[3]
  link x -> a[*] = links.dense()
  link a[*] -> h[*] = links.sparse(after = relu, density = 0.2) along topology.random(density = 0.5)
  link h[*] -> k = links.scaled(act = relu)
  link h[*] -> k = links.one_to_one()
  link k -> y = links.dense()`,
      `  clamp y = sample.y
  method = learn.ipc(steps = 3, rate = 0.05)`,
      '0.01',
    ).replace('learn.sgd', 'learn.adam'),
  ],
  [
    'a thinned weight stays zero where no connection is, whatever its optimizer adds',
    reducing(
      model(
        `  node h: f32[4]
  node y: f32[3]
  link x -> h -> y = links.sparse(density = 0.6)`,
        SETTLED,
      ),
      'weight - rate * (gradient + 0.1 * mean(weight) + 0.1)',
    ),
  ],
  [
    'an optimizer that reduces a weight finds all of it on one shard after microbatches',
    reducing(
      model(
        `  node h: f32[8]
  node y: f32[3]
  link x -> h -> y = links.dense()`,
        SETTLED,
      ),
      'weight - rate * gradient / sqrt(sum(gradient ^ 2) + 0.1)',
    ),
  ],
  [
    'shards hold a constant before anything is made of it',
    model(
      `  node a: f32[16] = nodes.categorical()
  node b: f32[16] = nodes.categorical()
  node k: f32[4]
  node l: f32[4]
  node y: f32[3]
  link a -> b -> a = links.dense()
  link b -> k -> l = links.dense()
  link x -> y = links.dense()`,
      `  clamp y = sample.y
  method = learn.il(steps = 3, rate = 0.1)`,
    ),
  ],
])('%s', async (_, text) => {
  expect((await check(text, [reference, cpu(1), shards(2), shards(3), shards(4), cpuShards])).found).toEqual([]);
});

test('a training whose optimizer sums over all weights is refused in microbatches', () => {
  const text = model('  node y: f32[3]\n  link x -> y = links.dense()', SETTLED);
  const { graph, task } = compiled(reducing(text, 'weight - rate * gradient / sqrt(sum_over_weights(gradient ^ 2))'));
  expect(pipelineProblem(graph, task)).toContain('sums over all weights');
});

/** Values of `h0` lie at 0 where the relu before `h1` has its edge, until noise has reached them. */
const ON_EDGE = `pcn 1

import std/nodes
import std/links
import std/learn
import std/data

node langevin(act: function = identity, start: init = zeros) {
  energy 0.5 * (z - mu) ^ 2 + noise(0.1) * z
}
cluster block2() {
  node low[2]: f32[3] = nodes.gaussian(act = gelu, precision = 2, start = constant(0.2))
  node high: f32[3] = nodes.gaussian(act = tanh)
  link low[*] -> high = links.sparse(after = gelu, density = 0.6)
  expose low, high
}
model m {
  sense x: f32[3]
  node h0[2]: f32[2] = nodes.categorical(act = tanh)
  node h1: f32[1] = langevin(act = sigmoid)
  cluster h2[2] = block2()
  node y: f32[3] = nodes.gaussian(precision = 2, start = constant(0.2))
  link x -> h0[*] = links.dense(after = relu, bias = true)
  link h0[*] -> h1 = links.scaled(act = relu)
  link h1 -> h2[*].low[*] = links.sparse(after = gelu, density = 0.6)
  link h2[*].high -> y = links.dense()
}
train t of m on data.file("m.npz", x = f32[3, 3], y = f32[3, 3], known = int, guess = f32[3, 2]) {
  clamp x = sample.x
  clamp y = sample.y when sample.known > 0
  method = learn.il(steps = 3, rate = 0.2)
  optimizer = learn.adamw(rate = learn.warmup_cosine(0.01), epsilon = 0.01)
  batch = 4
  epochs = 1
  sequence = 3
}
`;

test('values that rounding puts on either side of a relu’s edge are not compared', async () => {
  const { found, on } = await check(ON_EDGE, [reference, cpu(1)]);
  expect(found).toEqual([]);
  // The interpreter leaves them at 0 as the CPU does.
  expect(on).toEqual(['cpu, threads: 1']);
});
