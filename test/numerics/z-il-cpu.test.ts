/** Z-IL's weight step in f32 on the cpu device: that of backpropagation, to 5e-6 for every tensor (numerics, 3). */
import { describe, expect, test } from 'vitest';
import type { CallValue } from '../../compiler/3-check/checked.ts';
import { lowerProgram } from '../../compiler/5-program/lower.ts';
import { runPasses } from '../../compiler/5-program/passes/index.ts';
import { lowerToCpu } from '../../compiler/7-kernels/onnx/lower.ts';
import { apply, type Expr } from '../../compiler/operators/expr.ts';
import { openHere } from '../../runtime/device/cpu/here.ts';
import { stream } from '../../spec/random.ts';
import { call, chain, initialise, readParameters, relativeError, sgd, tanh, trainTask } from '../support/networks.ts';

const BATCH = 32;
const DIMS = [60, 48, 40, 32, 10];
const gelu = (x: Expr): Expr => apply('gelu', [x]);

async function weightStep(method: CallValue, options: Parameters<typeof chain>[1]): Promise<Map<string, number[]>> {
  const graph = chain(DIMS, options);
  const task = trainTask(graph, { method, batch: BATCH, clamped: ['l0', 'l4'], optimizer: sgd(1) });
  const program = runPasses(lowerProgram(graph, task, [], { predictBatch: 1 }));
  const session = openHere({ program, files: lowerToCpu(program) }, 1);
  await initialise(session, program, 1);
  const before = await readParameters(session, program);
  const rng = stream(1, 'batch');
  const l0 = Float32Array.from({ length: BATCH * 60 }, (_, i) => rng.normal(i));
  const l4 = new Float32Array(BATCH * 10);
  for (let i = 0; i < BATCH; i++) l4[i * 10 + (i % 10)] = 1;
  await session.run('train', { l0, l4 }, { batch: 0, batches: 1 });
  const after = await readParameters(session, program);
  await session.close();
  return new Map([...before].map(([name, w]) => [name, [...w].map((v, i) => v - (after.get(name)?.[i] ?? 0))]));
}

describe.each([
  ['convention A', { act: tanh }],
  ['convention B', { after: gelu }],
] as const)('%s', (_name, options) => {
  test.each(['z_il', 'fa_z_il'])('steps by %s as by backpropagation', async (rule) => {
    const expected = await weightStep(call('learn.bp'), options);
    const found = await weightStep(call(`learn.${rule}`), options);
    for (const [name, step] of expected) expect(relativeError(found.get(name) ?? [], step), name).toBeLessThan(5e-6);
  });

  test('does not step so by one tick of plain inference learning', async () => {
    const expected = await weightStep(call('learn.bp'), options);
    const found = await weightStep(call('learn.il', { steps: 4, rate: 0.5 }), options);
    const errors = [...expected].map(([name, step]) => relativeError(found.get(name) ?? [], step));
    expect(Math.max(...errors)).toBeGreaterThan(0.1);
  });
});
