/** Kernels as pipelines: a WebGPU implementation takes the modules, the sizes and the bindings. */
import { expect } from 'vitest';
import { kernelFiles, type LoweredKernels } from '../../compiler/7-kernels/wgsl/lower.ts';
import { boundDispatches } from '../../runtime/device/webgpu/bindings.ts';
import type { Gpu } from '../../runtime/device/webgpu/gpu.ts';
import { Pipelines } from '../../runtime/device/webgpu/pipelines.ts';
import { verifyKernels } from '../../spec/kernel-verify.ts';

export async function expectPipelines({ device, failure }: Gpu, lowered: LoweredKernels): Promise<void> {
  verifyKernels(lowered.kernels);
  const pipelines = new Pipelines(device, kernelFiles(lowered));
  const wanted = lowered.kernels.functions.flatMap((f) => boundDispatches(lowered.kernels, f));
  const made = await Promise.all(wanted.map((bound) => pipelines.get(bound)));
  expect(made.length).toBe(wanted.length);
  expect(failure()).toBeUndefined();
}
