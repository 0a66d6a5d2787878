/** Buffers through which results come back: a ring, because a run may begin before the one before has been fetched. */
import type { Region } from '../../../spec/kernels.ts';

/** Bytes that go into the small classes of the ring; larger ones are made to measure. */
const SMALLEST = 256;

export class ReadBack {
  private readonly device: GPUDevice;
  private readonly free = new Map<number, GPUBuffer[]>();
  private readonly made: GPUBuffer[] = [];

  constructor(device: GPUDevice) {
    this.device = device;
  }

  /**
   * Records copies of regions, and returns how to fetch them once the commands were submitted.
   * @returns one array for each region
   */
  copy(
    encoder: GPUCommandEncoder,
    regions: readonly Region[],
    arena: (name: string) => GPUBuffer,
  ): () => Promise<Float32Array[]> {
    const total = regions.reduce((sum, r) => sum + r.elements * 4, 0);
    const buffer = this.take(total);
    let at = 0;
    for (const r of regions) {
      encoder.copyBufferToBuffer(arena(r.arena), r.offset * 4, buffer, at, r.elements * 4);
      at += r.elements * 4;
    }
    return async () => {
      await buffer.mapAsync(GPUMapMode.READ);
      const all = new Float32Array(buffer.getMappedRange(0, total).slice(0));
      buffer.unmap();
      this.give(buffer);
      let from = 0;
      return regions.map((r) => {
        from += r.elements;
        return all.slice(from - r.elements, from);
      });
    };
  }

  private take(bytes: number): GPUBuffer {
    let size = SMALLEST;
    while (size < bytes) size *= 2;
    const known = this.free.get(size)?.pop();
    if (known) return known;
    const buffer = this.device.createBuffer({
      label: 'read back',
      size,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    });
    this.made.push(buffer);
    return buffer;
  }

  private give(buffer: GPUBuffer): void {
    this.free.set(buffer.size, [...(this.free.get(buffer.size) ?? []), buffer]);
  }

  destroy(): void {
    for (const buffer of this.made) buffer.destroy();
  }
}
