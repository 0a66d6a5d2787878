/** A tensor of 132 MiB on a device that binds what every device binds, 128 MiB. */
import { expect, test } from 'vitest';
import { kernelFiles, lowerToWgsl } from '../../../compiler/7-kernels/wgsl/lower.ts';
import { productProgram } from '../../../runtime/cli/measuring/programs.ts';
import { findAdapter } from '../../../runtime/device/webgpu/dawn.ts';
import { openSession } from '../../../runtime/device/webgpu/session.ts';
import { MAX_BOUND_ELEMENTS } from '../../../spec/kernels.ts';
import { softwareGpu } from '../../support/webgpu.ts';

const [N, K] = [8192, 4224];

test('a tensor larger than a binding is written, multiplied with and read back, whole and in parts', {
  timeout: 120_000,
}, async () => {
  const gpu = await softwareGpu();
  const device = await (await findAdapter())?.requestDevice();
  if (!device) throw new Error('no adapter');
  expect(device.limits.maxStorageBufferBindingSize).toBe(4 * MAX_BOUND_ELEMENTS);
  const session = await openSession(
    { ...gpu, device },
    kernelFiles(lowerToWgsl(productProgram({ m: 1, n: N, k: K }, 1))),
  );
  const weights = new Float32Array(N * K).map((_, i) => (i % 251) - 125);
  // Picks the rows before the border of the two parts, on it, and the last.
  const rows = [0, 4095, 4096, K - 1];
  const sample = new Float32Array(K);
  for (const row of rows) sample[row] = 1;
  await session.write('b', weights);
  await session.write('a0', sample);
  await session.run('run', {}, { batch: 0, batches: 1 });
  const wanted = Float32Array.from({ length: N }, (_, c) =>
    rows.reduce((sum, row) => sum + (weights[row * N + c] ?? 0), 0),
  );
  expect(await session.read('y')).toEqual(wanted);
  const back = await session.read('b');
  expect(Buffer.compare(new Uint8Array(back.buffer), new Uint8Array(weights.buffer))).toBe(0);
  // Before the border of its two parts, across it, behind it, to the end.
  const border = 4096 * N;
  for (const [begin, end] of [
    [0, 5],
    [border - 1000, border],
    [border - 777, border + 333],
    [border, border + 9],
    [N * K - 3, N * K],
  ] as const) {
    expect(await session.readPart('b', begin, end)).toEqual(weights.subarray(begin, end));
    const values = Float32Array.from({ length: end - begin }, (_, i) => i + 0.5);
    await session.writePart('b', begin, values);
    weights.set(values, begin);
  }
  const changed = await session.read('b');
  expect(Buffer.compare(new Uint8Array(changed.buffer), new Uint8Array(weights.buffer))).toBe(0);
  await session.close();
  device.destroy();
});
