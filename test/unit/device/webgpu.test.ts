/** The WebGPU device reports trouble, and runs do not get into each other's way. */
import { describe, expect, test } from 'vitest';
import { kernelFiles, lowerToWgsl } from '../../../compiler/7-kernels/wgsl/lower.ts';
import { gpuKernels } from '../../../runtime/cli/compiling/gpu-kernels.ts';
import { productProgram } from '../../../runtime/cli/measuring/programs.ts';
import { openBestGpu } from '../../../runtime/device/webgpu/dawn.ts';
import type { Gpu } from '../../../runtime/device/webgpu/gpu.ts';
import { openSession } from '../../../runtime/device/webgpu/session.ts';
import { EnvironmentError } from '../../../runtime/support/errors.ts';
import { MAX_BOUND_ELEMENTS } from '../../../spec/kernels.ts';
import type { Program } from '../../../spec/program.ts';
import { useSoftwareVulkan } from '../../support/software-vulkan.ts';
import { softwareGpu } from '../../support/webgpu.ts';

const POSITION = { batch: 0, batches: 1 };
const product = productProgram({ m: 3, n: 5, k: 7 }, 1);
const files = (program: Program): ReadonlyMap<string, Uint8Array> => kernelFiles(lowerToWgsl(program));

/** The adds of `y + a b` written down: each run reads what the one before left. */
async function openProduct(gpu: Gpu): ReturnType<typeof openSession> {
  const session = await openSession(gpu, files(product));
  await session.write('a0', new Float32Array(21).fill(1));
  await session.write('b', new Float32Array(35).fill(1));
  return session;
}

describe('a device that is lost', () => {
  test('ends the run that waits for it and all later ones, with the reason and the repair', async () => {
    await useSoftwareVulkan();
    const gpu = await openBestGpu();
    const session = await openProduct(gpu);
    const before = await session.run('run', {}, POSITION);
    expect([...(before.done ?? [])]).toEqual([7, 7, 7, 7, 7]);
    gpu.device.destroy();
    const lost = { code: 'device/lost', repair: expect.stringContaining('--resume') };
    await expect(session.run('run', {}, POSITION)).rejects.toMatchObject(lost);
    await expect(session.read('y')).rejects.toMatchObject(lost);
    await expect(session.write('b', new Float32Array(35))).rejects.toBeInstanceOf(EnvironmentError);
    await session.close();
  });
});

describe('a model that is too large', () => {
  const large = (n: number): Program => ({
    ...product,
    states: [...product.states, { id: 'table', shape: [n], role: 'parameter', init: { kind: 'constant', value: 0 } }],
  });

  test('is refused before anything is allocated where a kernel binds one tensor larger than the GPU can bind', async () => {
    const gpu = await softwareGpu();
    const elements = gpu.device.limits.maxStorageBufferBindingSize / 4 + 64;
    const { kernels, modules } = lowerToWgsl(large(elements), { bound: 2 * elements });
    await expect(openSession(gpu, kernelFiles({ kernels, modules }))).rejects.toMatchObject({
      code: 'device/memory',
      message: expect.stringMatching(/table|states/),
      repair: expect.stringContaining('--device cpu'),
    });
  });

  test('has a tensor larger than a binding in parts, each in a buffer of its own', () => {
    const { kernels } = lowerToWgsl(large(2 * MAX_BOUND_ELEMENTS + 1));
    const parts = kernels.states.filter((s) => s.name.startsWith('table'));
    expect(parts.map((p) => [p.name, p.elements])).toEqual([
      ['table part 0', MAX_BOUND_ELEMENTS],
      ['table part 1', MAX_BOUND_ELEMENTS],
      ['table part 2', 1],
    ]);
    expect(new Set(parts.map((p) => p.arena)).size).toBe(3);
    expect(Math.max(...kernels.arenas.map((a) => a.elements))).toBe(MAX_BOUND_ELEMENTS);
  });

  test('is refused where one operation takes more parts than a kernel binds, and its plan asks for a larger device', async () => {
    const wide = productProgram({ m: 3, n: 64, k: 7 * 64 }, 1);
    await expect(gpuKernels(wide, 'f32', { bound: 64 * 64 })).rejects.toMatchObject({
      code: 'device/memory',
      message: expect.stringContaining('8 buffers'),
      repair: expect.stringContaining('--shards'),
    });
    const { kernels } = (await gpuKernels(productProgram({ m: 1, n: 1, k: 7 * MAX_BOUND_ELEMENTS }, 1), 'f32')).lowered;
    expect(kernels.states.filter((s) => s.name.startsWith('b part')).map((s) => s.elements)).toEqual([
      4 * MAX_BOUND_ELEMENTS,
      3 * MAX_BOUND_ELEMENTS,
    ]);
  });

  test('has tensors that together are larger than one buffer in several', async () => {
    const half = 20 * 1024 * 1024;
    const program = {
      ...product,
      states: [
        ...product.states,
        ...['t1', 't2'].map((id) => ({
          id,
          shape: [half],
          role: 'parameter' as const,
          init: { kind: 'constant' as const, value: 0 },
        })),
      ],
    };
    const { kernels } = lowerToWgsl(program);
    expect(new Set(kernels.states.map((s) => s.arena)).size).toBe(2);
  });
});

test('runs that follow each other without waiting give what they give one by one', async () => {
  const session = await openProduct(await softwareGpu());
  const together = await Promise.all(Array.from({ length: 6 }, () => session.run('run', {}, POSITION)));
  expect(together.map((r) => r.done?.[0])).toEqual([7, 14, 21, 28, 35, 42]);
  expect((await session.read('y')).every((v) => v === 42)).toBe(true);
  await session.close();
});
