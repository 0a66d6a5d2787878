/** Measures the speed of a device. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Measured } from '../../../spec/capability.ts';
import { type Program, sizeOf } from '../../../spec/program.ts';
import { stream } from '../../../spec/random.ts';
import type { TileChoice } from '../../../spec/tiles.ts';
import type { Device, DeviceSession } from '../../device/device.ts';
import { gpuKernels, type KernelChoice } from '../compiling/gpu-kernels.ts';
import { chainProgram, copyProgram, type ProductShape, productProgram } from './programs.ts';
import { rememberedTiles } from './remembered-tiles.ts';

export const POSITION = { batch: 0, batches: 1 };

/** Milliseconds of one of several runs. */
type Timing = (work: () => Promise<unknown>, runs: number, pause?: number) => Promise<number>;

/** Milliseconds of one run. */
export async function timeOf(
  device: Device,
  program: Program,
  runs: number,
  choice: KernelChoice = {},
  timing: Timing = medianOf,
): Promise<number> {
  const session = await device.open({ program, files: await formsOf(device, program, choice) });
  try {
    await fill(session, program);
    return await timing(() => session.run('run', {}, POSITION), runs);
  } finally {
    await session.close();
  }
}

/** Median milliseconds, behind one that is not counted. @param pause milliseconds before each */
export async function medianOf(work: () => Promise<unknown>, runs: number, pause = 0): Promise<number> {
  return (await timesOf(work, runs, pause))[Math.floor(runs / 2)] ?? 0;
}

/**
 * Milliseconds that a quarter of the runs stay below. Whatever else a machine does only ever adds to a time: of ten
 * measurements beside a load of 18, this differed by 11 % where the median differed by 30 % (a product on one thread).
 */
export async function quartileOf(work: () => Promise<unknown>, runs: number, pause = 0): Promise<number> {
  return lowerQuartile(await timesOf(work, runs, pause));
}

export function lowerQuartile(times: readonly number[]): number {
  return [...times].sort((a, b) => a - b)[Math.floor(times.length / 4)] ?? 0;
}

/** Milliseconds of each run, increasing. */
async function timesOf(work: () => Promise<unknown>, runs: number, pause: number): Promise<number[]> {
  const times: number[] = [];
  for (let run = -1; run < runs; run++) {
    if (pause > 0) await sleep(pause);
    const begin = performance.now();
    await work();
    if (run >= 0) times.push(performance.now() - begin);
  }
  return times.sort((a, b) => a - b);
}

/**
 * Seconds of processors of one of so many runs, all threads together: of the passes the one that took least counts. With
 * enough of them some runs wait until garbage is collected.
 */
export async function processorSeconds(work: () => Promise<unknown>, runs: number, passes: number): Promise<number> {
  await work();
  let least = Number.POSITIVE_INFINITY;
  for (let pass = 0; pass < passes; pass++) {
    const before = process.cpuUsage();
    for (let run = 0; run < runs; run++) await work();
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, (user + system) / 1e6 / runs);
  }
  return least;
}

/** A session on one thread, where the device can have such. */
export async function openOnOneThread(device: Device, program: Program): Promise<DeviceSession> {
  const executable = { program, files: await formsOf(device, program) };
  const [alone] = (await device.openAll?.([executable])) ?? [];
  return alone ?? (await device.open(executable));
}

/** Values for all inputs of a function. */
export function inputsOf({ functions }: Program, name: string): Record<string, Float32Array> {
  const inputs = functions.find((f) => f.name === name)?.inputs ?? [];
  return Object.fromEntries(inputs.map(({ field, shape }) => [field, new Float32Array(sizeOf(shape)).fill(0.5)]));
}

/** Numbers in all states. */
export async function fill(session: DeviceSession, program: Program): Promise<void> {
  for (const s of program.states) {
    const rng = stream(0, s.id);
    const values = new Float32Array(sizeOf(s.shape)).map((_, i) => rng.uniform(i % 4096) - 0.5);
    await session.write(s.id, values);
  }
}

/**
 * A compiled program in the form that a device takes.
 * @param choice for a GPU; tiles are those that were remembered for it when absent
 * @throws UserError `precision/nothing` where a precision that was asked for changes nothing
 */
export async function formsOf(
  device: Device,
  program: Program,
  choice: KernelChoice = {},
): Promise<ReadonlyMap<string, Uint8Array>> {
  if (device.name === 'cpu') return (await import('../../../compiler/7-kernels/onnx/lower.ts')).lowerToCpu(program);
  if (device.name !== 'webgpu') return new Map();
  const { precision = 'f32', description, bound, halves } = device;
  return (
    await gpuKernels(program, precision, { tiles: rememberedTiles(description), bound, halves: halves?.[0], ...choice })
  ).files;
}

/** How much a measurement asks for: less of a processor that plays a GPU. */
export interface Effort {
  readonly products: number;
  readonly elements: number;
  readonly pieces: number;
  readonly runs: number;
}

export const FULL: Effort = { products: 16, elements: 8 * 1024 * 1024, pieces: 256, runs: 5 };
export const LIGHT: Effort = { products: 1, elements: 1024 * 1024, pieces: 32, runs: 3 };

/** 10⁹ operations a second on products of this shape. */
export async function productSpeed(
  device: Device,
  shape: ProductShape,
  effort: Effort,
  tiles?: TileChoice,
  timing?: Timing,
): Promise<number> {
  const milliseconds = await timeOf(
    device,
    productProgram(shape, effort.products),
    effort.runs,
    tiles ? { tiles } : {},
    timing,
  );
  return (effort.products * 2 * shape.m * shape.n * shape.k) / milliseconds / 1e6;
}

/** A product that all threads have work in. */
export const SQUARE = { m: 512, n: 512, k: 512 };

export async function measure(device: Device, effort: Effort): Promise<Measured> {
  const gflops = await productSpeed(device, SQUARE, effort);
  const copy = await timeOf(device, copyProgram(effort.elements), effort.runs);
  const chain = await timeOf(device, chainProgram(effort.pieces), effort.runs, { apart: true });
  return {
    gflops: rounded(gflops),
    gigabytesPerSecond: rounded((8 * effort.elements) / copy / 1e6),
    dispatchesPerSecond: Math.round((effort.pieces / chain) * 1000),
  };
}

/** Three digits: more are noise. */
export function rounded(value: number): number {
  return Number(value.toPrecision(3));
}
