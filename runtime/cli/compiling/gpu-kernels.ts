/** Kernels for GPUs, made here; the compiler's part of it is loaded only where they are wanted. */
import type { LoweredKernels } from '../../../compiler/7-kernels/wgsl/lower.ts';
import type { StepObserver } from '../../../compiler/7-kernels/wgsl/step-chain.ts';
import { MAX_BOUND_ELEMENTS } from '../../../spec/kernels.ts';
import type { HalfUnit, Precision } from '../../../spec/precision.ts';
import type { Program } from '../../../spec/program.ts';
import type { TileChoice } from '../../../spec/tiles.ts';
import { EnvironmentError, UserError } from '../../support/errors.ts';
import { debugLog } from '../shell/debug.ts';

export interface GpuKernels {
  readonly lowered: LoweredKernels;
  /** As they lie in a plan, by path. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** Kernels to make of a program. */
export interface KernelChoice {
  /** Those of every device when absent. */
  readonly tiles?: TileChoice;
  /**
   * Elements that the device binds at once; when absent, what every device does, or more where a tensor of the program
   * has more parts than a kernel can bind.
   */
  readonly bound?: number | undefined;
  /** The unit that multiplies in `f16`; as any numbers when absent. */
  readonly halves?: HalfUnit | undefined;
  /** Each kernel as a launch of its own, however small. */
  readonly apart?: boolean;
}

const CHANGES_NOTHING: Readonly<Record<Exclude<Precision, 'f32'>, readonly [why: string, repair: string]>> = {
  'f16-weights': [
    'no weight is read by four or more products between two of its steps',
    'leave --precision out: learn.il with more ticks reads weights often, learn.ipc and learn.bp do not',
  ],
  f16: ['no product has more than 16 rows and columns', 'leave --precision out, or use a larger batch or wider layers'],
};

/** Shows what each step has changed, where NMC_DEBUG shows kernels. */
async function stepObserver(): Promise<StepObserver | undefined> {
  const { shows, debug } = debugLog();
  if (!shows('kernels')) return undefined;
  const { showSteps } = await import('../../../compiler/7-kernels/wgsl/show-steps.ts');
  return showSteps((text) => debug('kernels', text));
}

/**
 * @throws UserError `precision/nothing`: better refused than a training in f32 that says otherwise; EnvironmentError
 *   `device/memory` where a tensor is too large for the device in parts, too
 */
export async function gpuKernels(
  program: Program,
  precision: Precision,
  { tiles, bound, halves, apart = false }: KernelChoice = {},
): Promise<GpuKernels> {
  const [{ kernelFiles, lowerToWgsl, usesHalves }, { TooManyParts }, { NOTHING_PERSISTENT }] = await Promise.all([
    import('../../../compiler/7-kernels/wgsl/lower.ts'),
    import('../../../compiler/7-kernels/wgsl/parts.ts'),
    import('../../../compiler/7-kernels/wgsl/persistent-runs.ts'),
  ]);
  const observe = await stepObserver();
  const lower = (size: number): LoweredKernels => {
    try {
      const small = apart ? NOTHING_PERSISTENT : undefined;
      return lowerToWgsl(program, { tiles, precision, halves, bound: size, small }, observe);
    } catch (error) {
      if (!(error instanceof TooManyParts)) throw error;
      if (bound === undefined) return lower(2 * size);
      throw new EnvironmentError(
        'device/memory',
        `${error.message} of ${Math.floor((size * 4) / 1024 ** 2)} MiB, which is what the GPU takes at once`,
        'use a smaller batch, cut the network into shards (--shards), or --device cpu',
      );
    }
  };
  const lowered = lower(bound ?? MAX_BOUND_ELEMENTS);
  if (precision !== 'f32' && !usesHalves(lowered)) {
    const [why, repair] = CHANGES_NOTHING[precision];
    throw new UserError('precision/nothing', `${program.name}: ${precision} would change nothing: ${why}`, repair);
  }
  return { lowered, files: kernelFiles(lowered) };
}
