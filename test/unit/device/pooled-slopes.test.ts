/** Slopes behind pooled activations: worked out once for each window, with the results of working them out everywhere. */
import { expect, test } from 'vitest';
import { lowerFunction, lowerToCpu } from '../../../compiler/7-kernels/onnx/lower.ts';
import { cpuDevice } from '../../../runtime/device/cpu/cpu.ts';
import type { Device } from '../../../runtime/device/device.ts';
import { referenceDevice } from '../../../runtime/device/reference/reference.ts';
import type { Program } from '../../../spec/program.ts';
import { parseProgram } from '../../../spec/program-text.ts';
import { relativeError } from '../../support/networks.ts';

/** A pooled activation, and what its argument is told of an error. @param end of the result that is read besides */
const pooled = (window: number, end = '%back'): Program =>
  parseProgram(`program pooled

function f batch 2
  input u : f32[2, 6, 6, 3] = u
  input g : f32[2, ${6 / window}, ${6 / window}, 3] = g
  block start from 0
    %f = gelu(u) : [2, 6, 6, 3] @0
    %y = max_pool2d(%f, window=${window}) : [2, ${6 / window}, ${6 / window}, 3] @1
    %e = sub(%y, g) : [2, ${6 / window}, ${6 / window}, 3] @1
    %spread = max_pool2d_gradient(%f, %e, window=${window}) : [2, 6, 6, 3] @2
    %slope = gelu_slope(u) : [2, 6, 6, 3] @3
    %back = mul(%spread, %slope) : [2, 6, 6, 3] @4
  result y = %y
  result back = %back
  result end = ${end}
`);

async function run(device: Device, program: Program, u: Float32Array): Promise<Record<string, ArrayLike<number>>> {
  const session = await device.open({ program, files: device === cpuDevice ? lowerToCpu(program) : new Map() });
  const size = program.functions[0]?.inputs[1]?.shape.reduce((product, n) => product * n, 1) ?? 0;
  const g = Float32Array.from({ length: size }, (_, i) => Math.sin(1 + i * i));
  const results = await session.run('f', { u, g }, { batch: 0, batches: 1 });
  await session.close();
  return results;
}

/** Every number stands in its windows several times: the first of the largest takes the error. */
const ties = Float32Array.from({ length: 2 * 6 * 6 * 3 }, (_, i) => ((i * i) % 7) / 2 - 1.5);

/** Where no slope is wanted of whole pictures, activations are one node each. */
const activationsIn = (program: Program): number => {
  const [f] = program.functions;
  if (!f) throw new Error('no function');
  return lowerFunction(program, f, true).graph.nodes.filter((node) => node.op === 'Gelu').length;
};

test.each([
  ['of four places', 2, 1],
  ['whose places are no power of two', 3, 0],
] as const)('windows %s have the gradient of the reference', async (_, window, activations) => {
  const program = pooled(window);
  const [expected, made] = [await run(referenceDevice, program, ties), await run(cpuDevice, program, ties)];
  for (const name of ['y', 'back'])
    expect(relativeError(made[name] ?? [], expected[name] ?? [1]), name).toBeLessThan(1e-6);
  expect(activationsIn(program)).toBe(activations);
});

test('a slope that something else reads is worked out everywhere', async () => {
  const program = pooled(2, '%slope');
  const [expected, made] = [await run(referenceDevice, program, ties), await run(cpuDevice, program, ties)];
  for (const name of ['back', 'end'])
    expect(relativeError(made[name] ?? [], expected[name] ?? [1]), name).toBeLessThan(1e-6);
});

test('a value that is not a number comes through the pooling of an activation and back', async () => {
  const u = ties.slice();
  u[40] = Number.NaN;
  const made = await run(cpuDevice, pooled(2), u);
  for (const name of ['y', 'back']) expect([...Array.from(made[name] ?? [])].some(Number.isNaN), name).toBe(true);
});

test('an infinite value is the largest of its window', async () => {
  const u = ties.slice();
  u[40] = Number.POSITIVE_INFINITY;
  const made = await run(cpuDevice, pooled(2), u);
  expect([...Array.from(made.y ?? [])].filter((y) => y === Number.POSITIVE_INFINITY)).toHaveLength(1);
  expect([...Array.from(made.y ?? [])].some(Number.isNaN)).toBe(false);
});
