/** The large buffers of a session. */
import type { KernelProgram } from '../../../spec/kernels.ts';
import { EnvironmentError } from '../../support/errors.ts';
import type { Gpu } from './gpu.ts';

/** The value of memory that was never computed: no test takes it for a result. */
const POISON = 0x7fc0dead;

export class DeviceArenas {
  readonly #device: GPUDevice;
  readonly #buffers = new Map<string, GPUBuffer>();

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** @throws EnvironmentError `device/memory` where the GPU has not as much, or cannot bind a tensor at once */
  async create(gpu: Gpu, kernels: KernelProgram): Promise<void> {
    const { maxBufferSize, maxStorageBufferBindingSize } = this.#device.limits;
    for (const arena of kernels.arenas)
      if (arena.elements * 4 > maxBufferSize) throw tooLarge(arena.name, arena.elements * 4, maxBufferSize, gpu);
    // Kernels bind arenas as a whole. One is larger than what every adapter binds only where a single tensor is.
    const largest = new Map(
      [...kernels.states, ...kernels.functions.flatMap((f) => f.regions)].map((r) => [r.arena, r]),
    );
    for (const { name, elements } of kernels.arenas)
      if (elements * 4 > maxStorageBufferBindingSize)
        throw tooLarge(largest.get(name)?.name ?? name, elements * 4, maxStorageBufferBindingSize, gpu);
    this.#device.pushErrorScope('out-of-memory');
    for (const { name, elements } of kernels.arenas) {
      const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
      this.#buffers.set(name, this.#device.createBuffer({ label: name, size: elements * 4, usage }));
    }
    const refused = await this.#device.popErrorScope();
    if (!refused) return;
    const total = kernels.arenas.reduce((sum, a) => sum + a.elements * 4, 0);
    this.destroy();
    throw new EnvironmentError(
      'device/memory',
      `the GPU has no room for ${megabytes(total)}: ${refused.message}`,
      'use a smaller batch, or --device cpu',
    );
  }

  get(name: string): GPUBuffer {
    const buffer = this.#buffers.get(name);
    if (!buffer) throw new Error(`no arena ${name}`);
    return buffer;
  }

  /** Fills all that a run computes with NaN. */
  poison(): void {
    for (const [name, buffer] of this.#buffers)
      if (/^(values|halves|results)/.test(name))
        this.#device.queue.writeBuffer(buffer, 0, new Uint32Array(buffer.size / 4).fill(POISON));
  }

  destroy(): void {
    for (const buffer of this.#buffers.values()) buffer.destroy();
  }
}

function tooLarge(name: string, bytes: number, limit: number, gpu: Gpu): EnvironmentError {
  return new EnvironmentError(
    'device/memory',
    `${name} has ${megabytes(bytes)}, and ${gpu.description} takes ${megabytes(limit)} at once`,
    'use a smaller batch, cut the network into shards (--shards), or --device cpu',
  );
}

const megabytes = (bytes: number): string => `${Math.ceil(bytes / 1024 ** 2)} MiB`;
