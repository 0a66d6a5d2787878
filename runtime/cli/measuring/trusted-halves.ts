/** Units that multiply f16 on a GPU, tried: a driver may offer one that does not do it rightly. */
import type { HalfUnit } from '../../../spec/precision.ts';
import { stream } from '../../../spec/random.ts';
import { reasonOf } from '../../../spec/reason-of.ts';
import { chooseDevice } from '../../device/choose.ts';
import type { Device } from '../../device/device.ts';
import { gpuKernels } from '../compiling/gpu-kernels.ts';
import { debugLog } from '../shell/debug.ts';
import { POSITION } from './measure.ts';
import { productProgram } from './programs.ts';
import { rememberedHalves } from './remembered-tiles.ts';

/** Large enough for every form of product, with a depth that no strip divides. */
const [M, N, K] = [128, 128, 40];
/** Of the largest element: sums in f32 are off by less than a tenth of it, sums in f16 by more than ten times. */
const BOUND = 1e-5;

/** Of this machine's GPU, the fastest first. @throws EnvironmentError as `webgpuDevice` */
export async function trustedHalves(): Promise<HalfUnit[]> {
  return trustedBy(await chooseDevice('webgpu', { matrices: true }));
}

/** Those of its units that the device multiplies rightly with. */
export async function trustedBy(device: Device): Promise<HalfUnit[]> {
  const trusted: HalfUnit[] = [];
  for (const unit of device.halves ?? []) if (await isTrusted(device, unit)) trusted.push(unit);
  // What was measured to be fastest comes first.
  const best = rememberedHalves(device.description);
  return trusted.sort((a, b) => Number(b.kind === best) - Number(a.kind === best));
}

async function isTrusted(device: Device, unit: HalfUnit): Promise<boolean> {
  const { shows, debug } = debugLog();
  const refuse = (why: string): false => {
    if (shows('kernels')) debug('kernels', () => `f16 by ${unit.kind} is not used: ${why}`);
    return false;
  };
  try {
    const off = await errorOf(device, unit);
    return off < BOUND || refuse(`a product was off by ${off}`);
  } catch (error) {
    return refuse(reasonOf(error));
  }
}

/** The largest error of one product, over its largest element. */
async function errorOf(device: Device, unit: HalfUnit): Promise<number> {
  const program = productProgram({ m: M, n: N, k: K }, 1);
  const { files } = await gpuKernels(program, 'f16', { bound: device.bound, halves: unit });
  // From -1 to 1, with all the digits that f16 has.
  const numbers = (name: string, count: number): Float32Array => {
    const rng = stream(0, name);
    return Float32Array.from({ length: count }, (_, i) => Math.round(2048 * rng.uniform(i) - 1024) / 1024);
  };
  const [a, b] = [numbers('a', M * K), numbers('b', K * N)];
  const session = await device.open({ program, files });
  try {
    await session.write('a0', a);
    await session.write('b', b);
    await session.write('y', new Float32Array(M * N));
    await session.run('run', {}, POSITION);
    return largestError(await session.read('y'), a, b);
  } finally {
    await session.close();
  }
}

function largestError(found: ArrayLike<number>, a: Float32Array, b: Float32Array): number {
  let [off, largest] = [0, 0];
  for (let row = 0; row < M; row++)
    for (let column = 0; column < N; column++) {
      let wanted = 0;
      for (let k = 0; k < K; k++) wanted += (a[row * K + k] ?? 0) * (b[k * N + column] ?? 0);
      const error = Math.abs((found[row * N + column] ?? Number.NaN) - wanted);
      // No number is the largest error of all.
      off = Number.isNaN(error) ? Infinity : Math.max(off, error);
      largest = Math.max(largest, Math.abs(wanted));
    }
  return off / largest;
}
