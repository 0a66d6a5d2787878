/** Buffers through which results come back: a ring, because a run may begin before the one before has been fetched. */
import type { Region } from '../../../spec/kernels.ts';

/** Bytes that go into the small classes of the ring; larger ones are made to measure. */
const MIN_BYTES = 256;
/** Each copy is a call of its own: neighbours come back together where no more than this lies between them. */
const MAX_BETWEEN_BYTES = 1024;

/** Part of an arena, in bytes, and where it lies in what comes back. */
interface Copied {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly size: number;
  readonly at: number;
}

/** Results that come back together, worked out once for all runs. */
export interface BackPlan {
  readonly bytes: number;
  readonly copied: readonly Copied[];
  /** Of each region: in bytes from the beginning, and in elements. */
  readonly places: readonly { readonly at: number; readonly elements: number }[];
}

export function planBack(regions: readonly Region[], arena: (name: string) => GPUBuffer): BackPlan {
  const copied: Copied[] = [];
  const places = new Map<Region, number>();
  let bytes = 0;
  for (const r of [...regions].sort((a, b) => a.offset - b.offset)) {
    const [buffer, offset, size] = [arena(r.arena), r.offset * 4, r.elements * 4];
    const last = copied.findIndex((c) => c.buffer === buffer && c.at + c.size === bytes);
    const before = copied[last];
    const end = before ? before.offset + before.size : Number.NaN;
    if (before && offset >= end && offset - end <= MAX_BETWEEN_BYTES) {
      copied[last] = { ...before, size: offset + size - before.offset };
      places.set(r, before.at + offset - before.offset);
      bytes = before.at + offset + size - before.offset;
    } else {
      copied.push({ buffer, offset, size, at: bytes });
      places.set(r, bytes);
      bytes += size;
    }
  }
  return { bytes, copied, places: regions.map((r) => ({ at: places.get(r) ?? 0, elements: r.elements })) };
}

/**
 * Tensors in one part come back together; the parts of others each in a buffer of its own, which no device is too small
 * for. @returns plans whose regions, one after the other, are those of the tensors in order
 */
export function plansBack(tensors: readonly (readonly Region[])[], arena: (name: string) => GPUBuffer): BackPlan[] {
  const runs: Region[][] = [];
  let together: Region[] | undefined;
  for (const parts of tensors) {
    if (parts.length === 1) {
      if (together) together.push(...parts);
      else {
        together = [...parts];
        runs.push(together);
      }
    } else {
      together = undefined;
      runs.push(...parts.map((part) => [part]));
    }
  }
  return runs.map((regions) => planBack(regions, arena));
}

/** Elements of a tensor that lies in these regions, one behind the other. */
export function regionsWithin(regions: readonly Region[], begin: number, end: number): Region[] {
  let before = 0;
  return regions.flatMap((region) => {
    const from = Math.max(begin - before, 0);
    const to = Math.min(end - before, region.elements);
    before += region.elements;
    return to > from ? [{ ...region, offset: region.offset + from, elements: to - from }] : [];
  });
}

export class ReadBack {
  readonly #device: GPUDevice;
  readonly #free = new Map<number, GPUBuffer[]>();
  readonly #made: GPUBuffer[] = [];

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /**
   * Records the copies, and returns how to fetch them once the commands were submitted.
   * @returns one array for each region
   */
  copy(encoder: GPUCommandEncoder, { bytes, copied, places }: BackPlan): () => Promise<Float32Array[]> {
    const buffer = this.#take(bytes);
    for (const c of copied) encoder.copyBufferToBuffer(c.buffer, c.offset, buffer, c.at, c.size);
    return async () => {
      await buffer.mapAsync(GPUMapMode.READ);
      const mapped = buffer.getMappedRange(0, bytes);
      const values = places.map(({ at, elements }) => new Float32Array(mapped, at, elements).slice());
      buffer.unmap();
      this.#give(buffer);
      return values;
    };
  }

  /** @returns one array for each region of all plans */
  copyAll(encoder: GPUCommandEncoder, plans: readonly BackPlan[]): () => Promise<Float32Array[]> {
    const [only] = plans;
    if (only && plans.length === 1) return this.copy(encoder, only);
    const fetches = plans.map((plan) => this.copy(encoder, plan));
    return async () => (await Promise.all(fetches.map((fetch) => fetch()))).flat();
  }

  #take(bytes: number): GPUBuffer {
    let size = MIN_BYTES;
    while (size < bytes) size *= 2;
    size = Math.min(size, Math.max(bytes, this.#device.limits.maxBufferSize));
    const known = this.#free.get(size)?.pop();
    if (known) return known;
    const buffer = this.#device.createBuffer({
      label: 'read back',
      size,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    });
    this.#made.push(buffer);
    return buffer;
  }

  #give(buffer: GPUBuffer): void {
    const free = this.#free.get(buffer.size);
    if (free) free.push(buffer);
    else this.#free.set(buffer.size, [buffer]);
  }

  destroy(): void {
    for (const buffer of this.#made) buffer.destroy();
  }
}
