/** The port `Lowering` for the commands: the compiler's kernels, loaded only where they are wanted. */
import type { Lowered } from '../../../compiler/7-kernels/onnx/anonymous.ts';
import type { Lowering, LoweringTarget } from '../../../spec/lowering.ts';
import type { Program } from '../../../spec/program.ts';
import { debugLog, timed } from '../shell/debug.ts';

/** All that one run of a command lowers: shards alike are lowered once. */
export function lowerHere(): Lowering {
  const known: Lowered = new Map();
  return async (program, target) => {
    if (target.name === 'webgpu') return lowerForGpu(program, target);
    if (target.name !== 'cpu') return new Map();
    const [{ lowerToCpu }, { lowerShardToCpu }] = await Promise.all([
      import('../../../compiler/7-kernels/onnx/lower.ts'),
      import('../../../compiler/7-kernels/onnx/shards.ts'),
    ]);
    return timed('onnx', () => ((target.shards ?? 1) > 1 ? lowerShardToCpu(program, known) : lowerToCpu(program)));
  };
}

async function lowerForGpu(
  program: Program,
  { precision = 'f32', description, bound, halves }: LoweringTarget,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const [{ gpuKernels }, { rememberedTiles }] = await Promise.all([
    import('./gpu-kernels.ts'),
    import('../measuring/remembered-tiles.ts'),
  ]);
  const { lowered, files } = await timed('kernels', () =>
    gpuKernels(program, precision, { tiles: rememberedTiles(description), bound, halves: halves?.[0] }),
  );
  const { shows, debug } = debugLog();
  if (shows('kernels')) for (const [id, wgsl] of lowered.modules) debug('kernels', `${id}\n${wgsl}`);
  return files;
}
