/** Kernels for GPUs, made here; the compiler's part of it is loaded only where they are wanted. */
import type { LoweredKernels } from '../../compiler/7-kernels/wgsl/lower.ts';
import type { Precision } from '../../spec/precision.ts';
import type { Program } from '../../spec/program.ts';
import type { TileChoice } from '../../spec/tiles.ts';
import { UserError } from '../support/errors.ts';

export interface GpuKernels {
  readonly lowered: LoweredKernels;
  /** As they lie in a plan, by path. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/**
 * @param tiles those of every device when absent
 * @throws UserError `precision/nothing`: better refused than a training in f32 that says otherwise
 */
export async function gpuKernels(program: Program, precision: Precision, tiles?: TileChoice): Promise<GpuKernels> {
  const { kernelFiles, lowerToWgsl, readsHalves } = await import('../../compiler/7-kernels/wgsl/lower.ts');
  const lowered = lowerToWgsl(program, tiles, precision);
  if (precision === 'f16-weights' && !readsHalves(lowered))
    throw new UserError(
      'precision/nothing',
      `${program.name}: f16-weights would change nothing: no weight is read by four products between two of its steps`,
      'leave --precision out: learn.il with more ticks reads weights often, learn.ipc and learn.bp do not',
    );
  return { lowered, files: kernelFiles(lowered) };
}
