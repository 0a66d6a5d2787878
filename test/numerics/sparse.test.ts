/**
 * Thinned links: the closed form of one weight step, which touches the connections that exist and no others; and the
 * same for an array of them run as one. Gradients against differences are in test/compliance, operator by operator.
 */
import { describe, expect, test } from 'vitest';
import { lowerGraph } from '../../compiler/4-graph/lower.ts';
import { lowerProgram } from '../../compiler/5-program/lower.ts';
import { runPasses } from '../../compiler/5-program/passes/index.ts';
import { lowerToCpu } from '../../compiler/7-kernels/onnx/lower.ts';
import { cpuDevice } from '../../runtime/device/cpu/cpu.ts';
import type { Device, Tensor } from '../../runtime/device/device.ts';
import { referenceDevice } from '../../runtime/device/reference/reference.ts';
import { fillStates, openShard } from '../../runtime/shard/shard.ts';
import type { CpuManifest } from '../../spec/cpu-manifest.ts';
import { memberStates, type Program, sizeOf } from '../../spec/program.ts';
import { stream } from '../../spec/random.ts';
import { checked } from '../support/check-source.ts';

const text = (link: string, count = ''): string => `pcn 1
import std/nodes
import std/links
import std/topology
import std/learn
import std/data
model m {
  sense a: f32[24]
  node b${count}: f32[20]
  link a -> b${count === '' ? '' : '[*]'} = ${link}
}
train t of m on data.file("x.npz", a = f32[24], b = f32[20]) {
  clamp a = sample.a
  ${(count === '' ? ['b'] : [0, 1, 2, 3, 4].map((i) => `b[${i}]`)).map((b) => `clamp ${b} = sample.b`).join('\n  ')}
  method = learn.il(steps = 2, rate = 0.1)
  optimizer = learn.sgd(rate = 0.5)
  batch = 6
  epochs = 1
}
`;

function programOf(link: string, count = ''): Program {
  const value = checked(text(link, count));
  const task = value.trains[0];
  if (!task) throw new Error('no task');
  return lowerProgram(lowerGraph(task.model), task, [], { predictBatch: 1 });
}

const inputs = Object.fromEntries(
  [
    ['a', 24],
    ['b', 20],
  ].map(([name, width]) => {
    const rng = stream(5, String(name));
    return [name, Float32Array.from({ length: 6 * Number(width) }, (_, i) => rng.normal(i))];
  }),
) as Record<'a' | 'b', Float32Array>;

async function step(device: Device, program: Program): Promise<[Map<string, Tensor>, Map<string, Tensor>]> {
  const files = device.name === 'cpu' ? lowerToCpu(program) : new Map<string, Uint8Array>();
  const shard = await openShard(device, { program, files }, () => ({ seed: 2, statistics: new Map() }));
  const saved = async (): Promise<Map<string, Tensor>> => {
    const { parameters } = await shard.save();
    return new Map(parameters.map((t) => [t.name, t.data as Tensor]));
  };
  const before = await saved();
  await shard.run('train', inputs, { batch: 0, batches: 1 });
  const after = await saved();
  await shard.close();
  return [before, after];
}

/** W' = W + rate / B · Σ (y - W x - c) xᵀ where W has an entry, by hand on the list. */
function expectStep(before: Map<string, Tensor>, after: Map<string, Tensor>, link: string, digits: number): void {
  const values = before.get(`${link}.w`) as Tensor;
  const places = before.get(`${link}.w:connections`) as Tensor;
  const bias = before.get(`${link}.c`) as Tensor;
  const n = values.length;
  const matrix = new Float64Array(20 * 24);
  const entries = [...values.keys()].filter((k) => (places[k] as number) >= 0);
  for (const k of entries) matrix[(places[k] as number) * 24 + (places[n + k] as number)] = values[k] as number;
  const error = errorOf(matrix, bias);
  expect(entries.length).toBeGreaterThan(40);
  expect(new Set(entries.map((k) => (places[k] as number) * 24 + (places[n + k] as number))).size).toBe(entries.length);
  for (const k of entries) {
    const [i, j] = [places[k] as number, places[n + k] as number];
    const wanted = moved(values[k] as number, error, i, j);
    expect(after.get(`${link}.w`)?.[k], `entry ${k}`).toBeCloseTo(wanted, digits);
  }
}

type PredictionError = (sample: number, target: number) => number;

function errorOf(matrix: Tensor, bias: Tensor): PredictionError {
  return (s, i) => {
    let sum = (inputs.b[s * 20 + i] as number) - (bias[i] as number);
    for (let j = 0; j < 24; j++) sum -= (matrix[i * 24 + j] as number) * (inputs.a[s * 24 + j] as number);
    return sum;
  };
}

function moved(weight: number, error: PredictionError, i: number, j: number): number {
  let gradient = 0;
  for (let s = 0; s < 6; s++) gradient += error(s, i) * (inputs.a[s * 24 + j] as number);
  return weight + (0.5 / 6) * gradient;
}

const LINKS = {
  'a share at random': 'links.sparse(density = 0.15)',
  'so many into each unit': 'links.sparse() along topology.fixed_indegree(3)',
  'fewer with distance': 'links.sparse() along topology.distance(0.05)',
};

describe.each(Object.entries(LINKS))('a link with %s', (_, link) => {
  test('keeps only the connections that exist, and moves each as computed by hand', async () => {
    const program = programOf(link);
    const weight = program.states.find((s) => s.id === 'a->b.w');
    const connections = program.states.find((s) => s.id === 'a->b.w:connections');
    expect(weight && sizeOf(weight.shape)).toBeLessThan(20 * 24 * 0.5);
    expect(connections?.shape).toEqual([2, ...(weight?.shape ?? [])]);
    expectStep(...(await step(referenceDevice, program)), 'a->b', 10);
    expectStep(...(await step(referenceDevice, runPasses(program))), 'a->b', 10);
    expectStep(...(await step(cpuDevice, runPasses(program))), 'a->b', 4);
  });
});

describe('a link too dense for a list', () => {
  const program = programOf('links.sparse(density = 0.6)');

  test('begins with zeros where there is no connection, keeps them, and moves the others as computed by hand', async () => {
    for (const [device, form, digits] of [
      [referenceDevice, program, 10],
      [referenceDevice, runPasses(program), 10],
      [cpuDevice, runPasses(program), 4],
    ] as const) {
      const [before, after] = await step(device, form);
      const [weight, mask, next] = [before.get('a->b.w'), before.get('a->b.w:mask'), after.get('a->b.w')];
      if (!weight || !mask || !next) throw new Error('no weights');
      expect(new Set(mask)).toEqual(new Set([0, 1]));
      const error = errorOf(weight, before.get('a->b.c') as Tensor);
      mask.forEach((joined, k) => {
        const wanted = joined === 1 ? moved(weight[k] as number, error, Math.floor(k / 24), k % 24) : 0;
        expect(joined === 1 || weight[k] === 0, `weight ${k}`).toBe(true);
        expect(next[k], `weight ${k}`).toBeCloseTo(wanted, joined === 1 ? digits : 15);
      });
    }
  });

  test('takes only the connections that exist from given weights', async () => {
    const parameters = program.states.filter((s) => s.role === 'parameter');
    const weights = parameters.map(({ id, shape }) => ({
      name: id,
      dtype: 'F32' as const,
      shape,
      data: new Float32Array(sizeOf(shape)).fill(7),
    }));
    const session = await referenceDevice.open({ program, files: new Map() });
    await fillStates(session, program.states, { seed: 2, statistics: new Map(), weights });
    const mask = await session.read('a->b.w:mask');
    expect([...(await session.read('a->b.w'))]).toEqual([...mask].map((joined) => 7 * joined));
    await session.close();
  });
});

test('sparse links of an array run as one, each with its own connections', async () => {
  const program = runPasses(programOf('links.sparse(density = 0.15)', '[5]'));
  const pack = program.states.find((s) => s.members && s.id.endsWith('.w'));
  expect(pack && memberStates(pack)).toHaveLength(5);
  for (const device of [referenceDevice, cpuDevice]) {
    const [before, after] = await step(device, program);
    for (let i = 0; i < 5; i++) expectStep(before, after, `a->b[${i}]`, device === cpuDevice ? 4 : 10);
    expect([...(before.get('a->b[0].w:connections') ?? [])]).not.toEqual([
      ...(before.get('a->b[1].w:connections') ?? []),
    ]);
  }
});

test('matrices are laid out again whenever their entries have changed, by a step or by a write', async () => {
  const program = runPasses(programOf('links.sparse(density = 0.15)'));
  const files = lowerToCpu(program);
  const manifest = JSON.parse(new TextDecoder().decode(files.get('cpu/train.json'))) as CpuManifest;
  expect(manifest.laidOut?.map((l) => l.kind)).toEqual(['matrix', 'places', 'exist']);
  const ends: Tensor[] = [];
  for (const device of [referenceDevice, cpuDevice]) {
    const session = await device.open({ program, files: device === cpuDevice ? files : new Map() });
    await fillStates(session, program.states, { seed: 2, statistics: new Map() });
    for (let batch = 0; batch < 3; batch++) {
      await session.run('train', inputs, { batch, batches: 4 });
      if (batch === 1)
        await session.write(
          'a->b.w',
          (await session.read('a->b.w')).map((v) => -v),
        );
    }
    ends.push(await session.read('a->b.w'));
    await session.close();
  }
  const [wanted, found] = ends as [Tensor, Tensor];
  wanted.forEach((v, i) => {
    expect(found[i], `entry ${i}`).toBeCloseTo(v, 4);
  });
});

test('the density of a thinned link decides its form', () => {
  const forms = (link: string): string[] => programOf(link).states.map((s) => s.id.replace(/^.*\.(w|c)/, '$1'));
  expect(forms('links.sparse(density = 0.155)')).toContain('w:connections');
  expect(forms('links.sparse(density = 0.3)')).toContain('w:mask');
  expect(programOf('links.sparse(density = 1)').functions).toEqual(programOf('links.dense()').functions);
});
