/** What the WebGPU device does when something is wrong, and that runs do not get into each other's way. */
import { describe, expect, test } from 'vitest';
import { kernelFiles, lowerToWgsl } from '../../../compiler/7-kernels/wgsl/lower.ts';
import { productProgram } from '../../../runtime/cli/measuring/programs.ts';
import { openBestGpu } from '../../../runtime/device/webgpu/dawn.ts';
import type { Gpu } from '../../../runtime/device/webgpu/gpu.ts';
import { openSession } from '../../../runtime/device/webgpu/session.ts';
import { EnvironmentError } from '../../../runtime/support/errors.ts';
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

describe('a device that goes away', () => {
  test('a run that waits for it, and everything behind, says so and what to do', async () => {
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

  test('one tensor larger than the GPU can bind is refused before anything is allocated', async () => {
    const gpu = await softwareGpu();
    const elements = gpu.device.limits.maxStorageBufferBindingSize / 4 + 64;
    await expect(openSession(gpu, files(large(elements)))).rejects.toMatchObject({
      code: 'device/memory',
      message: expect.stringMatching(/table|states/),
      repair: expect.stringContaining('--device cpu'),
    });
  });

  test('tensors that together are larger than one buffer lie in several', async () => {
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
