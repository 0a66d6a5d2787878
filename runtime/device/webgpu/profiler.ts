/** How long each dispatch took, by timestamps of the GPU itself. */
import type { KernelFunction } from '../../../spec/kernels.ts';

export interface KernelTiming {
  readonly function: string;
  readonly module: string;
  readonly serves: string;
  readonly milliseconds: number;
  readonly flops: number;
  /** Read and written, each tensor once. */
  readonly bytes: number;
}

/** Timestamps that one set holds. */
const MAX_TIMESTAMPS = 4096;

export class Profiler {
  readonly #device: GPUDevice;
  readonly #set: GPUQuerySet;
  readonly #count: number;

  /** Beyond the first two thousand dispatches nothing is timed. */
  constructor(device: GPUDevice, dispatches: number) {
    this.#device = device;
    this.#count = Math.min(2 * dispatches, MAX_TIMESTAMPS);
    this.#set = device.createQuerySet({ type: 'timestamp', count: Math.max(2, this.#count) });
  }

  pass(i: number): GPUComputePassDescriptor {
    if (2 * i + 1 >= this.#count) return {};
    const writes = { querySet: this.#set, beginningOfPassWriteIndex: 2 * i, endOfPassWriteIndex: 2 * i + 1 };
    return { timestampWrites: writes };
  }

  /** Records the copy of all times. @returns what fetches them */
  resolve(encoder: GPUCommandEncoder): (f: KernelFunction) => Promise<KernelTiming[]> {
    const size = Math.max(2, this.#count) * 8;
    const { QUERY_RESOLVE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
    const resolved = this.#device.createBuffer({ size, usage: QUERY_RESOLVE | COPY_SRC });
    const back = this.#device.createBuffer({ size, usage: COPY_DST | MAP_READ });
    encoder.resolveQuerySet(this.#set, 0, Math.max(2, this.#count), resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, back, 0, size);
    return async (f) => {
      await back.mapAsync(GPUMapMode.READ);
      const times = new BigUint64Array(back.getMappedRange().slice(0));
      for (const buffer of [resolved, back]) buffer.destroy();
      this.#set.destroy();
      return timings(f, times);
    };
  }
}

function timings(f: KernelFunction, times: BigUint64Array): KernelTiming[] {
  const sizes = new Map(f.regions.map((r) => [r.name, r.elements]));
  return f.dispatches.slice(0, times.length / 2).map((d, i) => ({
    function: f.name,
    module: d.module,
    serves: d.serves,
    milliseconds: Number((times[2 * i + 1] ?? 0n) - (times[2 * i] ?? 0n)) / 1e6,
    flops: d.flops,
    bytes: [d, ...d.steps].flatMap((each) => each.regions).reduce((sum, name) => sum + 4 * (sizes.get(name) ?? 0), 0),
  }));
}
