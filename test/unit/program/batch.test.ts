import { describe, expect, test } from 'vitest';
import { lowerGraph } from '../../../compiler/4-graph/lower.ts';
import { batchArrays } from '../../../compiler/5-program/batch/batch.ts';
import { lowerProgram } from '../../../compiler/5-program/lower.ts';
import { runPasses } from '../../../compiler/5-program/passes/index.ts';
import { countOps } from '../../../compiler/5-program/passes/peel.ts';
import { verify } from '../../../compiler/5-program/verify.ts';
import { lowerToCpu } from '../../../compiler/7-kernels/onnx/lower.ts';
import { cpuDevice } from '../../../runtime/device/cpu/cpu.ts';
import type { Device, FieldData, Tensor } from '../../../runtime/device/device.ts';
import { referenceDevice } from '../../../runtime/device/reference/reference.ts';
import { openShard } from '../../../runtime/shard/shard.ts';
import { type Program, sizeOf } from '../../../spec/program.ts';
import { parseProgram, printProgram } from '../../../spec/program-text.ts';
import { stream } from '../../../spec/random.ts';
import { checked } from '../../support/check-source.ts';
import { relativeError } from '../../support/networks.ts';

/** Columns of groups on a small world, into which two senses fan; links of unequal numbers into and out of columns. */
const MODEL = `pcn 1

import std/nodes
import std/links
import std/topology
import std/learn
import std/data

cluster group() {
  node low:  f32[3] = nodes.gaussian(act = tanh)
  node high: f32[2] = nodes.gaussian(act = tanh, precision = learned)
  link low -> high = links.dense(after = tanh)
  expose low, high
}

cluster area() {
  node entry: f32[4] = nodes.gaussian()
  node exit:  f32[3] = nodes.gaussian(act = tanh)
  cluster group[2] = group()
  link entry -> group[*].low = links.dense()
  link group[*].high -> exit = links.dense(bias = false)
  expose entry, exit
}

model columns {
  sense eye: f32[5]
  sense ear: f32[2]
  cluster column[6] = area()
  node label: f32[3]
  link eye -> column[0..3].entry = links.dense()
  link ear -> column[4..5].entry = links.dense()
  link column[*].exit -> column[*].exit = links.dense(init = normal(0.2)LATERAL) along topology.random(0.5)
  link column[*].exit -> label = links.dense()
}

train t of columns on data.file("x.npz", eye = f32[5], ear = f32[2], label = f32[3]) {
  clamp eye = sample.eye
  clamp ear = sample.ear
  clamp label = sample.label
  method = METHOD
  optimizer = OPTIMIZER
  batch = 4
  epochs = 1
}

predict p of columns {
  clamp eye = input.eye
  clamp ear = input.ear
  read label = label
  settle = learn.settle(steps = 5, rate = 0.2, tolerance = 0.001)
}
`;

const REPLICAS = `pcn 1

import std/nodes
import std/links
import std/topology
import std/learn
import std/data

model fan {
  sense eye[5]: f32[4]
  node hidden[5]: f32[3] = nodes.gaussian(act = tanh)
  node core: f32[3]
  node label[5]: f32[2]
  link eye[*] -> hidden[*] = links.dense() along topology.one_to_one()
  link hidden[*] -> core = links.dense()
  link hidden[*] -> label[*] = links.dense() along topology.one_to_one()
}

train t of fan on data.file("x.npz", eye = f32[4], label = f32[2]) {
  clamp eye[*] = sample.eye
  clamp label[*] = sample.label
  method = METHOD
  optimizer = OPTIMIZER
  batch = 10
  epochs = 1
}

predict p of fan {
  clamp eye[*] = input.eye
  read label = label[0]
}
`;

function lower(model: string, changes: Readonly<Record<string, string>>): Program {
  let text = model;
  for (const [name, value] of Object.entries(changes)) text = text.replaceAll(name, value);
  const value = checked(text);
  const [task] = value.trains;
  if (!task) throw new Error('no task');
  return lowerProgram(lowerGraph(task.model), task, value.predicts, { predictBatch: 4 });
}

interface Outcome {
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly results: ReadonlyMap<string, Tensor>;
}

async function runThree(device: Device, program: Program): Promise<Outcome> {
  const files = device.name === 'cpu' ? lowerToCpu(program) : new Map<string, Uint8Array>();
  const shard = await openShard(device, { program, files }, () => ({ seed: 3, statistics: new Map() }));
  const results = new Map<string, Tensor>();
  for (const name of ['train', 'train', 'train', 'predict.p']) {
    const f = program.functions.find((g) => g.name === name);
    const inputs: Record<string, FieldData> = {};
    for (const { field, shape } of f?.inputs ?? []) {
      const rng = stream(results.size, field);
      inputs[field] = Float32Array.from({ length: sizeOf(shape) }, (_, i) => rng.normal(i));
    }
    const found = await shard.run(name, inputs, { batch: results.size, batches: 9 });
    for (const [key, values] of Object.entries(found)) results.set(`${name} ${key}`, values);
  }
  const { parameters, auxiliary } = await shard.save();
  await shard.close();
  return { tensors: new Map([...parameters, ...auxiliary].map((t) => [t.name, t.data as Tensor])), results };
}

function expectSame(found: Outcome, expected: Outcome, tolerance: number): void {
  expect([...found.tensors.keys()].sort()).toEqual([...expected.tensors.keys()].sort());
  for (const [name, values] of expected.tensors)
    expect(relativeError(found.tensors.get(name) ?? [], values), name).toBeLessThan(tolerance);
  for (const [name, values] of expected.results)
    expect(relativeError(found.results.get(name) ?? [], values), name).toBeLessThan(tolerance);
}

const METHODS = {
  il: ['learn.il(steps = 4, rate = 0.1, momentum = 0.5)', 'learn.adam()', ''],
  'il with delayed links': ['learn.il(steps = 4, rate = 0.1)', 'learn.sgd()', ', delay = 1'],
  ipc: ['learn.ipc(steps = 4, rate = 0.1)', 'learn.momentum(rate = 0.01)', ''],
  nudged: ['learn.nudged(steps = 4, rate = 0.1)', 'learn.sgd()', ''],
  'z_il without cycles': ['learn.z_il()', 'learn.sgd()', ', delay = 1'],
} as const;

describe('equal elements of an array', () => {
  test.each(Object.entries(METHODS))(
    'run as one under %s, with the same outcome',
    async (_, [METHOD, OPTIMIZER, LATERAL]) => {
      // Z-IL takes no precision that is learned.
      const model = METHOD.includes('z_il') ? MODEL.replace(', precision = learned', '') : MODEL;
      const lowered = lower(model, { METHOD, OPTIMIZER, LATERAL });
      const batched = batchArrays(lowered);
      verify(batched);
      expect(parseProgram(printProgram(batched))).toEqual(batched);
      const expected = await runThree(referenceDevice, lowered);
      expectSame(await runThree(referenceDevice, batched), expected, 1e-10);
    },
  );

  test.each([
    ['il', 'learn.il(steps = 4, rate = 0.1)'],
    ['bp', 'learn.bp()'],
  ])('may be replicas under %s', async (_, METHOD) => {
    const lowered = lower(REPLICAS, { METHOD, OPTIMIZER: 'learn.adam()' });
    const batched = batchArrays(lowered);
    verify(batched);
    const [train, other] = [batched.functions[0], lowered.functions[0]];
    expect(train && other && countOps(train) < countOps(other) / 2).toBe(true);
    expectSame(await runThree(referenceDevice, batched), await runThree(referenceDevice, lowered), 1e-10);
  });

  test('give the same on the cpu device, through all passes', async () => {
    const [METHOD, OPTIMIZER, LATERAL] = METHODS.il;
    const lowered = lower(MODEL, { METHOD, OPTIMIZER, LATERAL });
    const program = runPasses(lowered);
    expect(program.states.some((s) => s.members)).toBe(true);
    const expected = await runThree(referenceDevice, lowered);
    expectSame(await runThree(cpuDevice, program), expected, 1e-3);
  });

  test('stay as they are where there are few', () => {
    const lowered = lower(REPLICAS.replaceAll('[5]', '[2]'), { METHOD: 'learn.il()', OPTIMIZER: 'learn.sgd()' });
    expect(batchArrays(lowered)).toBe(lowered);
  });
});
