/** The listings of the language's design, and models made of them. */
import { describe, expect, test } from 'vitest';
import { checked, checkSource } from '../../support/check-source.ts';
import { generateModel } from '../../support/generate-model.ts';

const MNIST = `pcn 1

import std/nodes
import std/links
import std/learn
import std/data

/// Handwritten digits. \`a -> b\` reads "a predicts b"; errors flow back along the same link.
model mnist {
  param hidden: int = 128 where hidden >= 10

  sense pixels: f32[784]
  node  h1:     f32[hidden] = nodes.gaussian()
  node  h2:     f32[hidden] = nodes.gaussian()
  node  h3:     f32[hidden] = nodes.gaussian()
  node  label:  f32[10]     = nodes.gaussian()

  link pixels -> h1 -> h2 -> h3 = links.dense(after = gelu)
  link h3 -> label              = links.dense()
}

train il of mnist on data.mnist.train {
  clamp pixels = (sample.image / 255 - 0.5) / 0.5
  clamp label  = one_hot(sample.digit, 10)

  method    = learn.il(steps = 8, rate = 0.0105, momentum = 0.65)
  optimizer = learn.adamw(rate = learn.warmup_cosine(3.0e-4), decay = 3.6e-4)
  batch     = 128
  epochs    = 25
}

predict classify of mnist {
  clamp pixels = (input.image / 255 - 0.5) / 0.5
  read digit = argmax(label)
}

check accuracy(classify.digit, data.mnist.test.digit) >= 0.98
`;

const COLUMN = `pcn 1

import std/nodes
import std/links

/// A patch of cortex: \`high\` predicts \`low\`, and itself one time step later.
cluster cortical(width: int) {
  node low:  f32[width]     = nodes.gaussian(act = tanh)
  node high: f32[width / 2] = nodes.gaussian(act = tanh, precision = learned)
  link high -> low  = links.dense()
  link high -> high = links.dense(delay = 1)
  expose low, high
}

/// The same with a low node laid out as a picture: 16 x 16 places of two units.
cluster visual() {
  node low:  f32[16, 16, 2] = nodes.gaussian(act = tanh)
  node high: f32[256]       = nodes.gaussian(act = tanh)
  link high -> low  = links.dense()
  expose low, high
}
`;

/** The second listing; its first link reads pictures, which dense does as well here. */
const BRAIN = `pcn 1

import std/links
import std/topology
import ./column

/// Three senses fan in to an association area; a loop runs through motor and back.
model small_brain {
  param width: int = 512 where width % 8 == 0

  sense retina:  f32[64, 64, 3] at 30Hz
  sense cochlea: f32[128]       at 100Hz
  sense touch:   f32[96]        at 50Hz

  cluster v1[16] = column.visual()             // sixteen columns, v1[0] .. v1[15]
  cluster a1     = column.cortical(width)
  cluster s1     = column.cortical(width / 2)
  cluster assoc  = column.cortical(width * 2)
  cluster motor  = column.cortical(width)

  link v1[*].low -> retina = links.dense()
  link a1.low -> cochlea   = links.dense()
  link s1.low -> touch     = links.dense()

  // \`along\` between elements of an array chooses which pairs are joined, elsewhere which units
  link v1[*].high -> v1[*].low = links.sparse(density = 0.05) along topology.small_world(degree = 4, rewire = 0.1)
  link [v1[*].high, a1.high, s1.high] -> assoc.low = links.sparse() along topology.fixed_indegree(64)

  // A cycle without delay: every node reads the values of the tick before.
  link assoc.high -> motor.high = links.dense()
  link motor.high -> assoc.high = links.dense(init = zeros)
}

/// Where to run. Never changes what is computed.
schedule home of small_brain {
  keep_together = [v1[0], retina]
  cut_at  = clusters
  memory  = 2GiB
  uplink  = 5Mbit/s
}
`;

describe('the listing of digits', () => {
  const result = checkSource(MNIST);
  const [model] = result.value?.models ?? [];

  test('has a graph of five nodes, four links and three declarations, without a diagnostic', () => {
    expect(result.diagnostics).toEqual([]);
    expect(model?.nodes.map((n) => `${n.role} ${n.name} ${n.shape.join('x')} ${n.energyKind}`)).toEqual([
      'sense pixels 784 gaussian',
      'node h1 128 gaussian',
      'node h2 128 gaussian',
      'node h3 128 gaussian',
      'node label 10 gaussian',
    ]);
    expect(model?.links.map((l) => l.name)).toEqual(['pixels->h1', 'h1->h2', 'h2->h3', 'h3->label']);
    expect(model?.links.map((l) => l.weights.map((w) => w.shape.join('x')))).toEqual([
      ['128x784', '128'],
      ['128x128', '128'],
      ['128x128', '128'],
      ['10x128', '10'],
    ]);
    expect(model?.links[0]?.weights.map((w) => w.init)).toEqual([
      { kind: 'uniform', bound: 1 / 28 },
      { kind: 'uniform', bound: 1 / 28 },
    ]);
  });

  test('has a training task with the settings that it writes', () => {
    const [task] = result.value?.trains ?? [];
    expect(task).toMatchObject({ name: 'il', batch: 128, epochs: 25, replicas: 1 });
    expect(task?.data).toMatchObject({ source: 'mnist', split: 'train' });
    expect(task?.data.fields).toEqual([
      { name: 'image', type: 'u8', shape: [28, 28] },
      { name: 'digit', type: 'i32', shape: [] },
    ]);
    expect(task?.clamps.map((c) => [c.node, ...c.value.shape])).toEqual([
      ['pixels', 784],
      ['label', 10],
    ]);
    expect(task?.method.name).toBe('learn.il');
    expect(task?.method.arguments).toEqual({ deviations: false, steps: 8, rate: 0.0105, momentum: 0.65, freeze: 0 });
    expect(task?.optimizer.name).toBe('learn.adamw');
    expect(task?.optimizer.states).toEqual([
      { name: 'm', init: 0 },
      { name: 'v', init: 0 },
    ]);
  });

  test('has a prediction and its check', () => {
    expect(result.value?.predicts[0]).toMatchObject({ name: 'classify', replicas: 1 });
    expect(result.value?.predicts[0]?.reads.map((r) => [r.name, r.value.shape])).toEqual([['digit', []]]);
    expect(result.value?.predicts[0]?.inputs.map((f) => f.name)).toEqual(['image', 'digit']);
    expect(result.value?.checks[0]).toMatchObject({
      text: 'accuracy(classify.digit, data.mnist.test.digit) >= 0.98',
      metric: 'accuracy',
      task: 'classify',
      read: 'digit',
      field: 'digit',
      comparison: '>=',
      bound: 0.98,
    });
  });

  test('takes another value of a parameter from --set, within its condition', () => {
    expect(checked(MNIST, { set: { hidden: '32' } }).models[0]?.nodes[1]?.shape).toEqual([32]);
    expect(checked(MNIST, { set: { hidden: 16 } }).models[0]?.parameters).toEqual({ hidden: 16 });
    for (const hidden of ['16.', '.16e2'])
      expect(checked(MNIST, { set: { hidden } }).models[0]?.parameters).toEqual({ hidden: 16 });
    const codes = (set: Record<string, string>) => checkSource(MNIST, { set }).diagnostics.map((d) => d.code);
    expect(codes({ hidden: '5' })).toEqual(['param/where']);
    expect(codes({ hidden: '12.5' })).toEqual(['param/type']);
    expect(codes({ hidden: 'many' })).toEqual(['param/type']);
    expect(codes({ hiden: '12' })).toEqual(['param/unknown']);
  });
});

describe('the listing of a small brain', () => {
  const { value, diagnostics } = checkSource(BRAIN, {}, { 'column.pcn': COLUMN });
  const [model] = value?.models ?? [];

  test('notes its cycle, and has one step for all senses', () => {
    expect(diagnostics.map((d) => d.code)).toEqual(['model/untrained', 'cycle/settles']);
    expect(diagnostics[1]?.reason).toMatch(/^assoc\.high -> motor\.high -> assoc\.high \(lines 30, 31\)/);
    expect(model?.baseRate).toBe(300);
  });

  test('has its clusters expanded under their names', () => {
    expect(model?.nodes).toHaveLength(3 + 16 * 2 + 4 * 2);
    expect(model?.nodes.find((n) => n.name === 'v1[15].low')?.shape).toEqual([16, 16, 2]);
    expect(model?.nodes.find((n) => n.name === 's1.high')?.shape).toEqual([128]);
    const learned = model?.nodes.find((n) => n.name === 'a1.high');
    expect(learned?.weights).toEqual([{ name: 'log_variance', shape: [256], init: { kind: 'constant', value: 0 } }]);
    expect(model?.links.find((l) => l.name === 'motor.high->motor.high')?.delay).toBe(1);
  });

  test('joins arrays with along by pairs, and others by units', () => {
    const lateral = model?.links.filter((l) => /^v1\[\d+\]\.high->v1\[\d+\]\.low$/.test(l.name)) ?? [];
    expect(lateral).toHaveLength(16 + 16 * 4);
    expect(lateral.filter((l) => l.sparsity !== undefined)).toHaveLength(64);
    expect(lateral.find((l) => l.sparsity)?.sparsity).toMatchObject({
      topology: 'random',
      arguments: { density: 0.05 },
    });
    const into = model?.links.filter((l) => l.target === 'assoc.low' && l.source !== 'assoc.high') ?? [];
    expect(into).toHaveLength(18);
    expect(new Set(into.map((l) => l.sparsity?.stream)).size).toBe(1);
    expect(into.map((l) => l.sparsity?.offset)).toEqual([...Array.from({ length: 16 }, (_, i) => 256 * i), 4096, 4352]);
    expect(into[0]?.sparsity).toMatchObject({
      topology: 'fixed_indegree',
      arguments: { n: 64 },
      total: 4480,
      weight: 'w',
    });
    // 64 inputs in all, so weights begin as in a layer of 64.
    expect(into[0]?.weights[0]?.init).toEqual({ kind: 'uniform', bound: 1 / 8 });
  });

  test('has a zero start that is zero everywhere', () => {
    const back = model?.links.find((l) => l.name === 'motor.high->assoc.high');
    expect(back?.weights.map((w) => w.init)).toEqual([
      { kind: 'constant', value: 0 },
      { kind: 'constant', value: 0 },
    ]);
  });

  test('has a schedule in bytes and seconds', () => {
    expect(value?.schedules[0]?.settings).toEqual({
      cut_at: { kind: 'symbol', name: 'clusters' },
      memory: 2 * 2 ** 30,
      uplink: 5e6 / 8,
    });
    expect(value?.schedules[0]?.keepTogether).toEqual([['v1[0].low', 'v1[0].high', 'retina']]);
  });

  test('names similar links where a link does not exist', () => {
    const text = BRAIN.replace('retina = links.dense()', 'retina = links.convolve(kernel = [8, 8], padding = 2)');
    const found = checkSource(text, {}, { 'column.pcn': COLUMN }).diagnostics.filter((d) => d.severity === 'error');
    expect(found.map((d) => d.code)).toEqual(['name/unknown']);
    expect(found[0]?.reason).toMatch(/^`links` has no `convolve`; it has .*`dense`/);
  });
});

test('a generated model of any length is valid', () => {
  for (const lines of [60, 500]) {
    const text = generateModel(lines);
    expect(Math.abs(text.split('\n').length - lines)).toBeLessThan(10);
    expect(checkSource(text).diagnostics).toEqual([]);
  }
});
