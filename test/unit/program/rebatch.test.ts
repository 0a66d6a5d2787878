/** Predictions for another number of samples: the same values for each sample, on a device and in an exported file. */
import { expect, test } from 'vitest';
import { lowerGraph } from '../../../compiler/4-graph/lower.ts';
import { lowerProgram } from '../../../compiler/5-program/lower.ts';
import { runPasses } from '../../../compiler/5-program/passes/index.ts';
import { rebatchable } from '../../../compiler/5-program/rebatch.ts';
import { buildExport } from '../../../compiler/7-kernels/onnx/export.ts';
import { checkExport } from '../../../runtime/cli/training/check-export.ts';
import type { FieldData } from '../../../runtime/device/device.ts';
import { referenceDevice } from '../../../runtime/device/reference/reference.ts';
import { type Beginning, fillStates, openShard } from '../../../runtime/shard/shard.ts';
import type { PlanPrediction } from '../../../spec/plan.ts';
import { type Op, type Program, type ProgramFunction, type State, sizeOf } from '../../../spec/program.ts';
import { checked } from '../../support/check-source.ts';
import { fieldNumbers } from '../../support/small-training.ts';

/** Small enough for an interpreter; some nodes are as wide. */
const BATCH = 8;

const HEAD = `pcn 1
import std/nodes
import std/links
import std/learn
import std/data
`;

const MODELS: Readonly<Record<string, string>> = {
  'a transformer': `
model m {
  sense ids: f32[4]
  node  x:   f32[4, 6] = nodes.gaussian()
  node  a:   f32[4, 6] = nodes.gaussian()
  sense y:   f32[4, 3]
  link ids -> x = links.embedding(5)
  link x -> a   = links.attention(heads = 2, causal = true)
  link x -> a   = links.identity()
  link a -> y   = links.tokenwise(normalize = true, after = gelu)
}
predict p of m on data.file("d.npz", ids = u8[4], y = f32[4, 3]) {
  clamp ids = input.ids
  clamp y   = input.y
  settle = learn.settle(steps = 3, rate = 0.1)
  read a = a
}`,
  'nodes that draw noise in every tick': `
node shaken(std: float, act: function = identity) {
  energy 0.5 * (1 + tick) * (z - mu) ^ 2 + noise(std) * z
}
link noisy(std: float) {
  predict source + noise(std)
}
model m {
  sense x: f32[8]
  node  h: f32[8] = shaken(0.5)
  node  y: f32[8] = shaken(0.25, act = tanh)
  link x -> h = noisy(0.1)
  link h -> y = links.dense()
}
predict p of m on data.file("d.npz", x = f32[8]) {
  clamp x = input.x
  start h = 0.5 * input.x
  settle = learn.settle(steps = 3, rate = 0.1)
  read y = y
  read mu = prediction(y)
}`,
  pictures: `
model m {
  node  h: f32[4, 4, 3] = nodes.gaussian()
  node  g: f32[2, 2, 3] = nodes.gaussian()
  sense x: f32[8, 8, 2]
  sense y: f32[5]
  link x -> h = links.conv_pool(padding = 1, average = true, after = relu)
  link h -> g = links.conv_pool(padding = 1)
  link g -> y = links.dense()
}
predict p of m on data.file("d.npz", x = f32[8, 8, 2], k = int) {
  clamp x = input.x
  clamp y = one_hot(input.k, 5)
  settle = learn.settle(steps = 2, rate = 0.1, tolerance = 0.001)
  read h = h
  read best = argmax(y)
}`,
  'arrays as wide as a batch that remember and begin at noise': `import std/topology
model m {
  sense x: f32[3]
  node  column[4]: f32[3] = nodes.gaussian()
  node  area: f32[8] = nodes.gaussian(act = tanh)
  link x -> column[*] = links.dense()
  link column[*] -> column[*] = links.dense(delay = 1) along topology.ring()
  link column[*] -> area = links.dense()
  link area -> area = links.dense(delay = 2, bias = false)
}
predict p of m on data.file("d.npz", x = f32[3, 3]) {
  sequence = 3
  clamp x = input.x
  settle = learn.settle(steps = 2, rate = 0.1, momentum = 0.5, start = noise)
  read x = area
  read last = column[3]
}`,
};

function programOf(text: string): { program: Program; f: ProgramFunction } {
  const file = checked(HEAD + text);
  const [model] = file.models;
  if (!model) throw new Error('no model');
  const lowered = lowerProgram(lowerGraph(model), undefined, file.predicts, { predictBatch: BATCH });
  const program = runPasses(lowered);
  return { program, f: program.functions[0] as ProgramFunction };
}

const BEGINNING: Beginning = { seed: 7, statistics: new Map() };

function firstOf(fields: Readonly<Record<string, FieldData>>, all: number, count: number): Record<string, FieldData> {
  const cut = Object.entries(fields).map(([name, data]) => [name, data.slice(0, (data.length / all) * count)] as const);
  return Object.fromEntries(cut);
}

test.each(Object.keys(MODELS))('three samples of %s give alone what they give among more', async (name) => {
  const { program, f } = programOf(MODELS[name] ?? '');
  const small = rebatchable(program, f)(3, '@3');
  const states = [...program.states, ...small.states];
  const both = { ...program, states, functions: [f, small.f] };
  const shard = await openShard(referenceDevice, { program: both, files: new Map() }, () => BEGINNING);
  for (const step of name.includes('remember') ? [0, 1, 2] : [0]) {
    const fields = fieldNumbers(f, step);
    const position = { batch: 0, batches: 1, step };
    const whole = await shard.run(f.name, fields, position);
    const few = await shard.run(small.f.name, firstOf(fields, f.batch, 3), position);
    for (const [result, values] of Object.entries(few))
      expect([...values]).toEqual([...(whole[result] ?? []).slice(0, values.length)]);
    expect(Object.keys(few)).toEqual(Object.keys(whole));
  }
  await shard.close();
});

test.each(Object.keys(MODELS))('an exported file takes any number of samples of %s', async (name) => {
  const { program, f } = programOf(MODELS[name] ?? '');
  const remembers = name.includes('remember');
  const prediction: PlanPrediction = {
    task: 'p',
    function: f.name,
    batch: f.batch,
    ...(remembers ? { sequence: 3 } : {}),
    inputs: [],
    reads: [],
  };
  const exported = buildExport(program, f.name, remembers ? { sequence: 3 } : {});
  expect(exported.batch).toBe('any');
  for (const { name: port, shape } of [...exported.inputs, ...exported.outputs])
    expect(shape[0]).toBe(port === 'sequence.step' ? undefined : 'batch');
  const begun = new Map<string, Float32Array>();
  const write = async (id: string, values: ArrayLike<number>): Promise<void> => {
    begun.set(id, Float32Array.from(values));
  };
  await fillStates({ write }, program.states, BEGINNING, false);
  const values = ({ id, shape }: State): Float32Array => begun.get(id) ?? new Float32Array(sizeOf(shape));
  const shard = await openShard(referenceDevice, { program, files: new Map() }, () => BEGINNING);
  const bytes = exported.encode(values);
  // Operators beyond the standard would have to name their domain.
  expect(Buffer.from(bytes).includes('com.microsoft')).toBe(false);
  expect(await checkExport(bytes, exported, { program, prediction, shard, values })).toBeLessThan(1e-5);
  await shard.close();
});

test('memory and noise are inputs of the exported file, and a read with the name of an input gets another', () => {
  const { program, f } = programOf(MODELS['arrays as wide as a batch that remember and begin at noise'] ?? '');
  const { inputs, outputs } = buildExport(program, f.name, { batch: 2 });
  const names = inputs.map((port) => `${port.name} ${port.shape.join('x')}`);
  const columns = [0, 1, 2, 3];
  expect(names.sort()).toEqual(
    [
      'x 2x3',
      'sequence.step ',
      'memory.area.1 2x8',
      'memory.area.2 2x8',
      'noise.area 2x8',
      ...columns.flatMap((i) => [`memory.column[${i}].1 2x3`, `noise.column[${i}] 2x3`]),
    ].sort(),
  );
  expect(outputs.map((port) => port.name).sort()).toEqual(
    [
      'x.read',
      'last',
      'memory.area.1.next',
      'memory.area.2.next',
      ...columns.map((i) => `memory.column[${i}].1.next`),
    ].sort(),
  );
});

/** A prediction of a value of each of four samples, [4, 2], by operations that end with `%r`. */
function bare(...ops: readonly (Omit<Op, 'attributes'> & Partial<Pick<Op, 'attributes'>>)[]): Program {
  const written = ops.map((op): Op => ({ attributes: {}, ...op }));
  const block = { name: 'start', repeat: 1, firstTick: 0, scalars: [], carries: [], ops: written };
  const inputs = [{ id: 'sample.x', field: 'x', type: 'f32' as const, shape: [4, 2] }];
  const results = [{ name: 'r', value: '%r' }];
  return {
    name: 'm',
    states: [],
    functions: [{ name: 'predict.p', role: 'predict', batch: 4, inputs, blocks: [block], updates: [], results }],
  };
}

test.each([
  [
    'are added up',
    bare(
      { id: '%0', op: 'sum', args: ['sample.x'], shape: [2], attributes: { axes: [0] } },
      { id: '%r', op: 'add', args: ['sample.x', '%0'], shape: [4, 2] },
    ),
  ],
  [
    'are compared',
    bare({ id: '%r', op: 'matmul', args: ['sample.x', 'sample.x'], shape: [4, 4], attributes: { tb: true } }),
  ],
  [
    'are divided otherwise',
    bare(
      { id: '%0', op: 'reshape', args: ['sample.x'], shape: [2, 4], attributes: { shape: [2, 4] } },
      { id: '%1', op: 'softmax', args: ['%0'], shape: [2, 4] },
      { id: '%r', op: 'reshape', args: ['%1'], shape: [4, 2], attributes: { shape: [4, 2] } },
    ),
  ],
  [
    'are picked',
    bare(
      { id: '%0', op: 'slice', args: ['sample.x'], shape: [1, 2], attributes: { axis: 0, from: 3, size: 1 } },
      { id: '%r', op: 'add', args: ['sample.x', '%0'], shape: [4, 2] },
    ),
  ],
])('samples that %s have only one batch size, and are exported for it', (_how, program) => {
  const [f] = program.functions as [ProgramFunction];
  expect(() => rebatchable(program, f)).toThrow(expect.objectContaining({ name: 'FixedBatch' }));
  const exported = buildExport(program, f.name);
  expect(exported).toMatchObject({ batch: 4, reason: expect.any(String) });
  expect(exported.inputs[0]?.shape).toEqual([4, 2]);
  expect(() => buildExport(program, f.name, { batch: 1 })).toThrow(expect.objectContaining({ name: 'FixedBatch' }));
});
