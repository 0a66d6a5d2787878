import { describe, expect, test } from 'vitest';
import { lowerProgram } from '../../../compiler/5-program/lower.ts';
import { runPasses } from '../../../compiler/5-program/passes/index.ts';
import { withLanes } from '../../../compiler/7-kernels/onnx/lanes.ts';
import { lowerToCpu } from '../../../compiler/7-kernels/onnx/lower.ts';
import { apply, type Expr } from '../../../compiler/operators/expr.ts';
import { CpuEngine } from '../../../runtime/device/cpu/engine.ts';
import { openHere, openWithin } from '../../../runtime/device/cpu/here.ts';
import type { LaneRun } from '../../../runtime/device/cpu/lane-run.ts';
import type { DeviceSession, FieldData, Position } from '../../../runtime/device/device.ts';
import { referenceDevice } from '../../../runtime/device/reference/reference.ts';
import { parseProgram } from '../../../spec/program-text.ts';
import { adam } from '../../support/adam.ts';
import {
  call,
  chain,
  initialise,
  randomInputs,
  readParameters,
  relativeError,
  tanh,
  trainTask,
} from '../../support/networks.ts';

const methods = {
  il: call('learn.il', { steps: 6, rate: 0.1, momentum: 0.5 }),
  ipc: call('learn.ipc', { steps: 6, rate: 0.1, momentum: 0 }),
  z_il: call('learn.z_il'),
  fa_z_il: call('learn.fa_z_il'),
  nudged: call('learn.nudged', { steps: 6, rate: 0.1, momentum: 0, beta: 0.5, sign: 'centred' }),
  bp: call('learn.bp'),
};

describe.each(Object.keys(methods) as (keyof typeof methods)[])('%s', (method) => {
  test('gives on the cpu device what the reference device gives', async () => {
    const graph = chain([17, 9, 7, 3], { act: tanh });
    const task = trainTask(graph, { method: methods[method], batch: 5, clamped: ['l0', 'l3'] });
    const program = runPasses(lowerProgram(graph, task, [], { predictBatch: 4 }));
    const cpu = openHere({ program, files: lowerToCpu(program) }, 1);
    const reference = await referenceDevice.open({ program, files: new Map() });
    const f = program.functions[0];
    if (!f) throw new Error('no function');
    for (const session of [cpu, reference]) await initialise(session, program, 3);
    for (let batch = 0; batch < 3; batch++) {
      const inputs = randomInputs(f, batch);
      const position = { batch, batches: 3 };
      const a = await cpu.run('train', inputs, position);
      const b = await reference.run('train', inputs, position);
      for (const [name, value] of Object.entries(b))
        expect(relativeError(a[name] ?? [], value), name).toBeLessThan(1e-5);
    }
    const [a, b] = [await readParameters(cpu, program), await readParameters(reference, program)];
    for (const [name, weight] of b) expect(relativeError(a.get(name) ?? [], weight), name).toBeLessThan(1e-5);
    await cpu.close();
  });
});

test('a session of short runs reads and writes its states in parts, as one in a thread does', async () => {
  const graph = chain([17, 9, 3], { act: tanh });
  const task = trainTask(graph, { method: methods.il, batch: 5, clamped: ['l0', 'l2'] });
  const program = runPasses(lowerProgram(graph, task, [], { predictBatch: 4 }));
  const session = openWithin({ program, files: lowerToCpu(program) });
  await initialise(session, program, 3);
  const [state = { id: '' }] = program.states.filter((s) => s.role === 'parameter');
  const whole = await session.read(state.id);
  expect(await session.readPart?.(state.id, 2, 7)).toEqual(whole.slice(2, 7));
  await session.writePart?.(state.id, 2, Float32Array.of(1, 2, 3));
  whole.set([1, 2, 3], 2);
  expect(await session.read(state.id)).toEqual(whole);
  await session.close();
});

const gelu = (x: Expr): Expr => apply('gelu', [x]);
const leaky = (x: Expr): Expr => apply('leaky_relu', [x], { slope: 0.01 });

describe.each([
  ['gelu', gelu],
  ['leaky relu', leaky],
  ['relu', (x: Expr) => apply('relu', [x])],
  ['silu', (x: Expr) => apply('silu', [x])],
] as const)('Adam by vector kernels, with %s in the links,', (_name, after) => {
  test.each(['il', 'ipc', 'bp'] as const)('gives the weights of the reference under %s', async (method) => {
    const graph = chain([19, 11, 9, 3], { after });
    const task = trainTask(graph, { method: methods[method], batch: 5, clamped: ['l0', 'l3'], optimizer: adam() });
    const program = runPasses(lowerProgram(graph, task, [], { predictBatch: 4 }));
    const files = lowerToCpu(program);
    expect(files.has('cpu/train.wasm')).toBe(true);
    const cpu = openHere({ program, files }, 1);
    const reference = await referenceDevice.open({ program, files: new Map() });
    const f = program.functions[0];
    if (!f) throw new Error('no function');
    for (const session of [cpu, reference]) await initialise(session, program, 3);
    for (let batch = 0; batch < 3; batch++) {
      const inputs = randomInputs(f, batch);
      for (const session of [cpu, reference]) await session.run('train', inputs, { batch, batches: 3 });
    }
    for (const state of program.states)
      expect(relativeError(await cpu.read(state.id), await reference.read(state.id)), state.id).toBeLessThan(1e-4);
    await cpu.close();
  });
});

describe.each(['il', 'z_il', 'bp'] as const)('lanes under %s', (method) => {
  test.each(['sgd', 'adam'] as const)(
    'give one whole batch by two halves and a step with %s, on both devices',
    async (optimizer) => {
      const graph = chain([19, 11, 9, 3], { after: gelu });
      const chosen = optimizer === 'adam' ? { optimizer: adam() } : {};
      const task = trainTask(graph, { method: methods[method], batch: 32, clamped: ['l0', 'l3'], ...chosen });
      const program = runPasses(withLanes(lowerProgram(graph, task, [], { predictBatch: 4 }), { graph, task }, 2));
      const files = lowerToCpu(program);
      const open = async (): Promise<DeviceSession[]> => {
        const sessions = [openHere({ program, files }, 1), await referenceDevice.open({ program, files })];
        for (const session of sessions) await initialise(session, program, 3);
        return sessions;
      };
      const [whole, parts] = [await open(), await open()];
      const f = program.functions.find((g) => g.name === 'train');
      if (!f) throw new Error('no function');
      for (let batch = 0; batch < 2; batch++) {
        const inputs = randomInputs(f, batch);
        const position = { batch, batches: 2 };
        for (const session of whole) await session.run('train', inputs, position);
        for (const session of parts) await inLanes(session, inputs, position);
      }
      for (const state of program.states) {
        const expected = await whole[1]?.read(state.id);
        expect(relativeError((await parts[1]?.read(state.id)) ?? [], expected ?? []), state.id).toBeLessThan(1e-11);
        expect(relativeError((await parts[0]?.read(state.id)) ?? [], expected ?? []), state.id).toBeLessThan(1e-4);
        expect(relativeError((await whole[0]?.read(state.id)) ?? [], expected ?? []), state.id).toBeLessThan(1e-4);
      }
    },
  );
});

test.each([
  ['sgd', 2],
  ['adam', 2],
  ['adam', 4],
] as const)(
  'two engines that add their gradients move alike, bit for bit, by %s, with a batch in %i parts',
  async (optimizer, parts) => {
    const graph = chain([19, 11, 9, 3], { act: tanh });
    const chosen = optimizer === 'adam' ? { optimizer: adam() } : {};
    const task = trainTask(graph, { method: methods.il, batch: 32, clamped: ['l0', 'l3'], ...chosen });
    const program = runPasses(withLanes(lowerProgram(graph, task, [], { predictBatch: 4 }), { graph, task }, parts));
    const files = lowerToCpu(program);
    const reference = await referenceDevice.open({ program, files });
    const lanes = [0, 1].map(() => new CpuEngine(program.states, files, { threads: 1 }));
    await initialise(reference, program, 3);
    for (const { id } of program.states)
      for (const lane of lanes) lane.write(id, Float32Array.from(await reference.read(id)));
    const f = program.functions.find((g) => g.name === 'train');
    if (!f) throw new Error('no function');
    const halves = [0, 1].map((i) => halfOf(randomInputs(f, 0), i));
    const works = await Promise.all(lanes.map((lane, i) => lane.lane(halves[i] ?? {})));
    const [first, second] = works as [LaneRun, LaneRun];
    for (let batch = 0; batch < 2; batch++) {
      const inputs = randomInputs(f, batch);
      for (const [i, half] of halves.entries())
        for (const [name, data] of Object.entries(halfOf(inputs, i))) half[name]?.set(data);
      const position = { batch, batches: 2 };
      const expected = await reference.run('train', inputs, position);
      for (const { share } of works) await share(position);
      second.other.set(first.own);
      first.other.set(second.own);
      const results = Object.fromEntries(
        Object.entries(expected).map(([name, value]) => [name, new Float32Array(value.length)]),
      );
      first.sum(first.own, first.other, results);
      first.step(first.own, first.other, position);
      second.step(second.other, second.own, position);
      for (const [name, value] of Object.entries(expected))
        expect(relativeError(results[name] ?? [], value), name).toBeLessThan(1e-5);
    }
    for (const { id } of program.states) {
      const [one, other] = lanes.map((lane) => lane.read(id));
      expect(one).toEqual(other);
      expect(relativeError(one ?? [], await reference.read(id)), id).toBeLessThan(1e-4);
    }
  },
);

function halfOf(inputs: Record<string, FieldData>, half: number): Record<string, FieldData> {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, data]) => [
      name,
      data.slice((half * data.length) / 2, ((half + 1) * data.length) / 2),
    ]),
  );
}

/** Calls to the threads of the cpu device, one after the other: gradients of two halves, then a step by their sum. */
async function inLanes(session: DeviceSession, inputs: Record<string, FieldData>, position: Position): Promise<void> {
  const sums: Record<string, Float32Array | Float64Array> = {};
  for (const half of [0, 1]) {
    const share = halfOf(inputs, half);
    for (const [name, values] of Object.entries(await session.run('train.lane', share, position))) {
      const sum = sums[name];
      sums[name] = sum ? sum.map((v, i) => v + (values[i] as number)) : values;
    }
  }
  await session.run('train.step', sums as Record<string, FieldData>, position);
}

test('a stage that is repeated from outside goes on counting its ticks, on the cpu as on the reference device', async () => {
  const program = parseProgram(`program counting
state x : [1] value = {"kind":"constant","value":0}

function f batch 1
  block tick from 0
    scalar %t = add(tick, 1)
    %a = add(x, %t) : [1] @0
  result a = %a
`);
  const cpu = openHere({ program, files: lowerToCpu(program) }, 1);
  const reference = await referenceDevice.open({ program, files: new Map() });
  for (const tick of [0, 3])
    for (const session of [cpu, reference]) {
      const { a } = await session.run('f', {}, { batch: 0, batches: 1, tick });
      expect([...(a ?? [])]).toEqual([tick + 1]);
    }
  await cpu.close();
});

test('a state that moves by the former value of another reads that former value', async () => {
  const program = parseProgram(`program remembering
state last : [2] memory = {"kind":"constant","value":0}
state before : [2] memory = {"kind":"constant","value":0}

function f batch 1
  input now : f32[2] = now
  block start from 0
    %a = add(now, now) : [2] @0
    %b = neg(last) : [2] @1
  update last = %a
  update before = %b
  result now = %a
`);
  const cpu = openHere({ program, files: lowerToCpu(program) }, 1);
  const reference = await referenceDevice.open({ program, files: new Map() });
  for (const session of [cpu, reference]) {
    for (const now of [1, 2]) await session.run('f', { now: new Float32Array([now, now]) }, { batch: 0, batches: 1 });
    expect((await session.read('before'))[0]).toBe(-2);
  }
  await cpu.close();
});
