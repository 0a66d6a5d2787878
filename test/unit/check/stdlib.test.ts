/** The standard library against formulas worked out by hand. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { OptimizerInstance } from '../../../compiler/3-check/checked.ts';
import { findPackageRoot } from '../../../compiler/host.ts';
import { checked, checkSource, modelOf } from '../../support/check-source.ts';
import { numbers, tensorOf } from '../../support/evaluate-expr.ts';

test('every module of the standard library is without mistakes', () => {
  for (const file of readdirSync(join(findPackageRoot(), 'stdlib'))) {
    const name = file.replace('.pcn', '');
    const { diagnostics } = checkSource(`pcn 1\nimport std/${name}\n`);
    expect(diagnostics.map((d) => [d.code, d.reason])).toEqual([['import/unused', `nothing here uses \`${name}\``]]);
  }
});

const Z = [0.3, -1.2, 2];
const MU = [0.1, -0.7, 0.4];
const leaves = { z: tensorOf([3], Z), mu: tensorOf([3], MU) };
const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
const softmax = (x: readonly number[]): number[] => x.map((v) => Math.exp(v) / sum(x.map(Math.exp)));

function nodeOf(kind: string) {
  const node = modelOf(`node n: f32[3] = nodes.${kind}\nlink n -> n = links.dense(delay = 1)`).nodes[0];
  if (node === undefined) throw new Error('no node');
  return node;
}

describe('energies', () => {
  test('gaussian is half the squared error, times the precision', () => {
    const node = nodeOf('gaussian()');
    expect(sum(numbers(node.energy, leaves))).toBeCloseTo(0.5 * sum(Z.map((z, i) => (z - (MU[i] ?? 0)) ** 2)), 12);
    expect(node).toMatchObject({
      clampedOnly: false,
      prior: 'zero',
      start: { kind: 'constant', value: 0 },
      weights: [],
    });
    const weighted = nodeOf('gaussian(precision = 4, prior = none, start = ones)');
    expect(sum(numbers(weighted.energy, leaves))).toBeCloseTo(2 * sum(Z.map((z, i) => (z - (MU[i] ?? 0)) ** 2)), 12);
    expect(weighted).toMatchObject({ prior: 'none', start: { kind: 'constant', value: 1 } });
  });

  test('gaussian can learn a variance, which has a floor', () => {
    const node = nodeOf('gaussian(precision = learned, floor = 0.01)');
    const l = [-1, 0, 0.5];
    const expected = Z.map((z, i) => {
      const s = 0.01 + Math.exp(l[i] ?? 0);
      return 0.5 * ((z - (MU[i] ?? 0)) ** 2 / s + Math.log(s));
    });
    const found = numbers(node.energy, { ...leaves, log_variance: tensorOf([3], l) });
    found.forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i] ?? 0, 12);
    });
    expect(node.clampedOnly).toBe(false);
  });

  test('categorical is the divergence of two distributions', () => {
    const [p, q] = [softmax(Z), softmax(MU)];
    const node = nodeOf('categorical()');
    expect(numbers(node.energy, leaves)[0]).toBeCloseTo(sum(p.map((a, i) => a * Math.log(a / (q[i] ?? 1)))), 12);
    expect(node.clampedOnly).toBe(false);
    numbers(node.activation, leaves).forEach((value, i) => {
      expect(value).toBeCloseTo(p[i] ?? 0, 12);
    });
  });

  test('bernoulli and cross-entropy have no minimum where their node is free', () => {
    const target = { z: tensorOf([3], [0, 1, 0]), mu: tensorOf([3], MU) };
    const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
    const expected = -(Math.log(1 - sigmoid(0.1)) + Math.log(sigmoid(-0.7)) + Math.log(1 - sigmoid(0.4)));
    const bernoulli = nodeOf('bernoulli()');
    expect(sum(numbers(bernoulli.energy, target))).toBeCloseTo(expected, 12);
    const cross = nodeOf('cross_entropy()');
    expect(numbers(cross.energy, target)[0]).toBeCloseTo(-Math.log(softmax(MU)[1] ?? 0), 12);
    expect([bernoulli.clampedOnly, cross.clampedOnly]).toEqual([true, true]);
  });
});

describe('links', () => {
  const body = (source: string, target: string, link: string) => {
    const link0 = modelOf(`node a: f32${source}\nnode b: f32${target}\nlink a -> b = links.${link}`).links[0];
    if (link0 === undefined) throw new Error('no link');
    return link0;
  };
  const w = tensorOf([2, 3], [1, 2, 3, 4, 5, 6]);

  test('dense predicts after(W s + c), with any shapes', () => {
    const given = { source: tensorOf([3], [1, 0, -1]), w, c: tensorOf([2], [0.5, -0.5]) };
    expect(numbers(body('[3]', '[2]', 'dense()').body, given)).toEqual([-1.5, -2.5]);
    expect(numbers(body('[3]', '[2]', 'dense(bias = false)').body, given)).toEqual([-2, -2]);
    const squashed = numbers(body('[3]', '[2]', 'dense(after = tanh)').body, given);
    expect(squashed).toEqual([Math.tanh(-1.5), Math.tanh(-2.5)]);
    const shaped = body('[3, 1]', '[1, 2, 1]', 'dense()');
    expect(shaped.body.shape).toEqual([1, 2, 1]);
    expect(numbers(shaped.body, { ...given, source: tensorOf([3, 1], [1, 0, -1]) })).toEqual([-1.5, -2.5]);
    expect(body('[3]', '[2]', 'dense(bias = false)').weights.map((one) => one.name)).toEqual(['w']);
  });

  test('one_to_one and identity predict in place, and functions take arguments', () => {
    const given = { source: tensorOf([2], [3, -4]), w: tensorOf([2], [2, 10]), c: tensorOf([2], [1, 1]) };
    expect(numbers(body('[2]', '[2]', 'one_to_one()').body, given)).toEqual([7, -39]);
    expect(body('[2]', '[2]', 'identity()').body).toEqual({ kind: 'leaf', name: 'source', shape: [2], batched: true });
    const leaky = body('[2]', '[2]', 'identity(scale = 2, after = leaky_relu(slope = 0.25))');
    expect(numbers(leaky.body, given)).toEqual([6, -2]);
  });

  test.each([
    ['zeros', { kind: 'constant', value: 0 }],
    ['3', { kind: 'constant', value: 3 }],
    ['constant(0.5)', { kind: 'constant', value: 0.5 }],
    ['uniform(0.2)', { kind: 'uniform', bound: 0.2 }],
    ['uniform_fan_in', { kind: 'uniform', bound: 1 / Math.sqrt(300) }],
    ['uniform_fan_in(fan = 4)', { kind: 'uniform', bound: 0.5 }],
    ['normal(std = 0.1)', { kind: 'normal', std: 0.1 }],
    ['xavier', { kind: 'uniform', bound: Math.sqrt(6 / 500) }],
    ['glorot(2)', { kind: 'uniform', bound: 2 * Math.sqrt(6 / 500) }],
    ['kaiming', { kind: 'normal', std: Math.SQRT2 / Math.sqrt(300) }],
    ['identity', { kind: 'identity', scale: 1 }],
  ])('a matrix of init = %s begins as its definition says', (init, expected) => {
    expect(body('[300]', '[200]', `dense(init = ${init})`).weights[0]?.init).toEqual(expected);
  });
});

describe('optimisers and rates', () => {
  const optimizerOf = (text: string): OptimizerInstance => {
    const [task] = checked(`pcn 1
import std/links
import std/learn
import std/data
model m {
  sense x: f32[784]
  node y: f32[10]
  link y -> x = links.dense()
}
train t of m on data.mnist.train {
  clamp x = sample.image
  optimizer = ${text}
}`).trains;
    if (task === undefined) throw new Error('no task');
    return task.optimizer;
  };

  /** Updates one weight by the instance: states from the old ones, then the weight from the new ones. */
  const run = (optimizer: OptimizerInstance, gradients: readonly number[], begin: number): number => {
    let weight = begin;
    let states = Object.fromEntries(optimizer.states.map((s) => [s.name, s.init]));
    gradients.forEach((gradient, update) => {
      const rate = numbers(optimizer.rate, { update, updates: gradients.length })[0] ?? 0;
      const given = { weight, gradient, rate, step: update + 1, update, updates: gradients.length };
      const before = states;
      states = Object.fromEntries(
        optimizer.nextStates.map((s) => [s.name, numbers(s.value, { ...given, ...before })[0] ?? 0]),
      );
      weight = numbers(optimizer.nextWeight, { ...given, ...states })[0] ?? 0;
    });
    return weight;
  };
  const G = [0.3, -0.2, 0.5, 0.1];

  test('sgd and momentum move weights as they are written', () => {
    expect(run(optimizerOf('learn.sgd(rate = 0.1)'), G, 1)).toBeCloseTo(1 - 0.1 * sum(G), 12);
    let [weight, velocity] = [1, 0];
    for (const g of G) {
      velocity = 0.8 * velocity + g;
      weight -= 0.1 * velocity;
    }
    expect(run(optimizerOf('learn.momentum(rate = 0.1, momentum = 0.8)'), G, 1)).toBeCloseTo(weight, 12);
  });

  test.each([
    ['learn.adam(rate = 0.01)', 0],
    ['learn.adamw(rate = 0.01, decay = 0.1)', 0.1],
  ])('%s follows its definition', (text, decay) => {
    let [weight, m, v] = [1, 0, 0];
    G.forEach((g, i) => {
      m = 0.9 * m + 0.1 * g;
      v = 0.999 * v + 0.001 * g * g;
      const step = m / (1 - 0.9 ** (i + 1)) / (Math.sqrt(v / (1 - 0.999 ** (i + 1))) + 1e-8);
      weight -= 0.01 * (step + decay * weight);
    });
    expect(run(optimizerOf(text), G, 1)).toBeCloseTo(weight, 12);
  });

  test('warm-up and cosine rise and fall with the share of the training', () => {
    const { rate } = optimizerOf('learn.sgd(rate = learn.warmup_cosine(0.02))');
    const at = (update: number): number => numbers(rate, { update, updates: 1000 })[0] ?? Number.NaN;
    for (const t of [0, 1, 50, 99, 100, 400, 999]) {
      const expected = t < 100 ? t / 100 : 0.1 + 0.9 * 0.5 * (1 + Math.cos((Math.PI * (t - 100)) / 900));
      expect(at(t)).toBeCloseTo(0.02 * expected, 12);
    }
    const flat = optimizerOf('learn.sgd(rate = learn.constant(0.5))').rate;
    expect(numbers(flat, { update: 3, updates: 9 })).toEqual([0.5]);
  });
});
