/** Every link of the standard library: its gradients against differences, its batch against samples, the cpu device. */
import { describe, expect, test } from 'vitest';
import { lowerGraph } from '../../compiler/4-graph/lower.ts';
import { runPasses } from '../../compiler/5-program/passes/index.ts';
import { lowerToCpu } from '../../compiler/7-kernels/onnx/lower.ts';
import { openHere } from '../../runtime/device/cpu/here.ts';
import { sizeOf } from '../../spec/program.ts';
import { stream } from '../../spec/random.ts';
import { type Clamps, checkGraph } from '../support/check-graph.ts';
import { modelOf } from '../support/check-source.ts';
import { energyAt, energyProgram } from '../support/energy-program.ts';
import { relativeError } from '../support/networks.ts';
import { openReference } from '../support/reference.ts';

interface Case {
  readonly nodes: string;
  readonly link: string;
  readonly clamped?: Clamps;
}

const between = (source: string, target: string, link: string): Case => ({
  nodes: `node a: f32${source} = nodes.gaussian(act = tanh)\nnode b: f32${target}`,
  link: `link a -> b = ${link}`,
});

const normalised = (shape: string, node: string): Case => ({
  nodes: `node a: f32${shape}\nnode b: f32${shape} = ${node}\nnode c: f32[4] = nodes.gaussian()`,
  link: 'link a -> b = links.identity()\nlink b -> c = links.dense()',
});

const cases: Readonly<Record<string, Case>> = {
  dense: between('[3, 2]', '[4]', 'links.dense(after = gelu)'),
  one_to_one: between('[3, 2]', '[3, 2]', 'links.one_to_one(after = gelu)'),
  identity: between('[3]', '[3]', 'links.identity(scale = 0.5)'),
  conv: between('[5, 4, 2]', '[3, 2, 3]', 'links.conv(kernel = [3, 2], stride = 2, padding = [1, 0], after = gelu)'),
  'conv without a bias': between('[4, 4, 1]', '[2, 2, 2]', 'links.conv(bias = false)'),
  'conv in a cycle': {
    nodes: 'node a: f32[3, 2, 2] = nodes.gaussian(act = tanh)\nnode b: f32[3, 2, 2] = nodes.gaussian(act = tanh)',
    link: 'link a -> b = links.conv(padding = 1)\nlink b -> a = links.conv(padding = 1, after = gelu)\nlink a -> a = links.conv(padding = 1)',
  },
  conv_pool: between('[5, 4, 2]', '[2, 2, 2]', 'links.conv_pool(padding = 1, after = gelu)'),
  'conv_pool by the mean': between('[5, 6, 1]', '[1, 2, 2]', 'links.conv_pool(pool = [2, 2], average = true)'),
  conv_transpose: between('[2, 3, 2]', '[5, 7, 3]', 'links.conv_transpose(kernel = [4, 4], stride = 2, padding = 1)'),
  pool: between('[4, 6, 2]', '[2, 3, 2]', 'links.pool()'),
  'pool by the mean': between('[5, 6, 2]', '[1, 2, 2]', 'links.pool(window = 3, average = true)'),
  scaled: between('[5]', '[2, 2]', 'links.scaled(power = 1, act = silu)'),
  residual: between('[2, 3]', '[2, 3]', 'links.residual(depth = 4, act = gelu)'),
  embedding: {
    nodes: 'sense a: f32[5]\nnode b: f32[5, 3]',
    link: 'link a -> b = links.embedding(4)',
    clamped: { a: 'all' },
  },
  tokenwise: between('[4, 3]', '[4, 5]', 'links.tokenwise(normalize = true, after = gelu)'),
  unembedding: between('[4, 3]', '[4, 5]', 'links.unembedding()'),
  'a table of rows that two links share': {
    nodes: 'sense a: f32[5]\nnode b: f32[5, 3]\nnode c: f32[5, 4]',
    link: `link a -> b = links.embedding(4, positions = false, tie = "table")
  link b -> c = links.unembedding(tie = "table")`,
    clamped: { a: 'all' },
  },
  'layers that share all weights': {
    nodes: 'node a: f32[3] = nodes.gaussian(act = tanh)\nnode b: f32[3] = nodes.gaussian(act = tanh)\nnode c: f32[3]',
    link: 'link a -> b -> c = links.dense(tie = "layer")',
  },
  normalized: normalised('[4, 6]', 'nodes.normalized(act = tanh)'),
  'normalized without a shift': normalised('[6]', 'nodes.normalized(shift = false)'),
  rms_normalized: normalised('[4, 6]', 'nodes.rms_normalized()'),
  group_normalized: normalised('[3, 2, 6]', 'nodes.group_normalized(groups = 3)'),
  'attention by places that turn': between('[4, 8]', '[4, 8]', 'links.attention(heads = 2, rotary = true)'),
  'attention with biases': between('[4, 6]', '[4, 5]', 'links.attention(heads = 3, causal = true, bias = true)'),
  attention: between('[4, 6]', '[4, 5]', 'links.attention(heads = 3)'),
  'attention to what was before': between('[4, 6]', '[4, 6]', 'links.attention(heads = 2, causal = true)'),
  'a transformer block': {
    nodes: `sense ids: f32[3]
  node x: f32[3, 4]
  node a: f32[3, 4]
  node m: f32[3, 5]
  node b: f32[3, 4]
  node out: f32[3, 4] = nodes.categorical()`,
    link: `link ids -> x = links.embedding(4)
  link x -> a = links.attention(heads = 2, causal = true)
  link x -> a = links.identity()
  link a -> m = links.tokenwise(normalize = true, after = gelu)
  link m -> b = links.tokenwise()
  link a -> b = links.identity()
  link b -> out = links.tokenwise(normalize = true)`,
    clamped: { ids: 'all' },
  },
};

describe.each(Object.entries(cases))('a link from a case: %s', (_, { nodes, link, clamped = {} }) => {
  const graph = lowerGraph(modelOf(`${nodes}\n${link}`));

  test('has the gradients that finite differences give', async () => {
    await checkGraph(graph, clamped);
  });

  test('gives the same on the cpu device', async () => {
    const { program } = energyProgram(graph, 5, clamped);
    const passed = runPasses(program);
    const devices = [
      openHere({ program: passed, files: lowerToCpu(passed) }, 1),
      await openReference(program),
    ] as const;
    for (const s of program.states) {
      const rng = stream(5, s.id);
      const values = Float32Array.from({ length: sizeOf(s.shape) }, (_, i) => rng.normal(i));
      for (const device of devices) await device.write(s.id, values);
    }
    const [found, wanted] = [await energyAt(devices[0]), await energyAt(devices[1])];
    for (const [name, values] of Object.entries(wanted))
      expect(relativeError(found[name] ?? [], values), name).toBeLessThan(1e-5);
    await devices[0].close();
  });
});

test('the fan of a convolution counts its kernel, for every initialiser', () => {
  const bounds = (init: string): readonly unknown[] =>
    modelOf(`node a: f32[6, 6, 2]\nnode b: f32[4, 4, 3]\nlink a -> b = links.conv(${init})`).links[0]?.weights.map(
      (w) => w.init,
    ) ?? [];
  const uniform = { kind: 'uniform', bound: 1 / Math.sqrt(18) };
  expect(bounds('')).toEqual([uniform, uniform]);
  expect(bounds('init = uniform_fan_in(fan = 4)')[0]).toEqual({ kind: 'uniform', bound: 0.5 });
  expect(bounds('init = xavier, bias_init = zeros')).toEqual([
    { kind: 'uniform', bound: Math.sqrt(6 / (18 + 27)) },
    { kind: 'constant', value: 0 },
  ]);
  expect(bounds('init = kaiming')[0]).toEqual({ kind: 'normal', std: Math.SQRT2 / Math.sqrt(18) });
});
