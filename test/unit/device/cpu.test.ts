import { describe, expect, test } from 'vitest';
import type { OptimizerInstance } from '../../../compiler/3-check/checked.ts';
import { lowerProgram } from '../../../compiler/5-program/lower.ts';
import { runPasses } from '../../../compiler/5-program/passes/index.ts';
import { lowerToCpu } from '../../../compiler/7-kernels/onnx/lower.ts';
import { constant, type Expr, leaf } from '../../../compiler/operators/expr.ts';
import { apply } from '../../../compiler/operators/table.ts';
import { openHere } from '../../../runtime/device/cpu/cpu.ts';
import { referenceDevice } from '../../../runtime/device/reference/reference.ts';
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
  test('the cpu device computes what the reference device computes', async () => {
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

/** An optimiser whose step is long enough to become a vector kernel. */
function adam(): OptimizerInstance {
  const [g, w, m, v] = ['gradient', 'weight', 'm', 'v'].map((name) => leaf(name, [], false)) as [
    Expr,
    Expr,
    Expr,
    Expr,
  ];
  const scaled = (by: number, x: Expr): Expr => apply('mul', [constant(by), x]);
  const bias = (by: number): Expr => apply('sub', [constant(1), apply('pow', [constant(by), leaf('step', [], false)])]);
  const root = apply('add', [apply('sqrt', [apply('div', [v, bias(0.999)])]), constant(1e-8)]);
  const direction = apply('div', [apply('div', [m, bias(0.9)]), root]);
  return {
    name: 'adam',
    rate: constant(0.01),
    states: [
      { name: 'm', init: 0 },
      { name: 'v', init: 0 },
    ],
    nextStates: [
      { name: 'm', value: apply('add', [scaled(0.9, m), scaled(0.1, g)]) },
      { name: 'v', value: apply('add', [scaled(0.999, v), scaled(0.001, apply('square', [g]))]) },
    ],
    nextWeight: apply('sub', [w, apply('mul', [leaf('rate', [], false), direction])]),
  };
}

const gelu = (x: Expr): Expr => apply('gelu', [x]);
const leaky = (x: Expr): Expr => apply('leaky_relu', [x], { slope: 0.01 });

describe.each([
  ['gelu', gelu],
  ['leaky relu', leaky],
  ['relu', (x: Expr) => apply('relu', [x])],
  ['silu', (x: Expr) => apply('silu', [x])],
] as const)('Adam by vector kernels, %s behind the links', (_name, after) => {
  test.each(['il', 'ipc', 'bp'] as const)('%s', async (method) => {
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
