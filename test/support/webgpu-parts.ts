/** The WebGPU device on the software driver, told to bind so little that tensors lie in parts. */
import { type LoweredKernels, lowerToWgsl } from '../../compiler/7-kernels/wgsl/lower.ts';
import { verifyKernels } from '../../spec/kernel-verify.ts';
import type { Precision } from '../../spec/precision.ts';
import type { Program } from '../../spec/program.ts';
import type { Opener } from '../compliance/harness.ts';
import { openLowered } from './webgpu.ts';

/** A buffer for every part. @param bound elements of one */
export function lowerInParts(program: Program, bound: number, precision: Precision = 'f32'): LoweredKernels {
  const lowered = lowerToWgsl(program, { precision, most: 1, bound });
  verifyKernels(lowered.kernels);
  return lowered;
}

export function openInParts(
  bound: number,
  precision: Precision = 'f32',
): { open: Opener; split: (program: Program) => boolean } {
  return {
    open: openLowered((program) => lowerInParts(program, bound, precision)),
    split: (program) => partsIn(lowerInParts(program, bound, precision)) > 0,
  };
}

/** Parts of tensors, behind the first of each. */
export function partsIn({ kernels }: LoweredKernels): number {
  const regions = [...kernels.states, ...kernels.functions.flatMap((f) => f.regions)];
  return regions.filter((r) => / part [1-9]/.test(r.name)).length;
}
