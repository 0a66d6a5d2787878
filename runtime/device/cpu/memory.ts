/**
 * Tensors of one shard in one WebAssembly memory: ONNX Runtime reads and writes them in place, vector kernels work on
 * the same bytes, nothing is copied between the two.
 */
import * as ort from 'onnxruntime-node';
import { CHUNK_BYTES } from '../../../spec/cpu-manifest.ts';
import { type Shape, sizeOf } from '../../../spec/program.ts';

const PAGE_BYTES = 65536;

export interface Placed {
  readonly address: number;
  readonly tensor: ort.Tensor;
}

export interface SharedMemory {
  readonly memory: WebAssembly.Memory;
  place(shape: Shape): Placed;
  /** Address behind what has been placed. */
  end(): number;
}

/** @param elements sizes of all tensors that will be placed: the memory never grows, for growing would detach views */
export function createMemory(elements: readonly number[]): SharedMemory {
  const bytes = elements.reduce((sum, n) => sum + padded(n), 0);
  const pages = Math.max(1, Math.ceil(bytes / PAGE_BYTES));
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  let next = 0;
  return {
    memory,
    end: () => next,
    place(shape) {
      const address = next;
      next += padded(sizeOf(shape));
      return {
        address,
        tensor: new ort.Tensor('float32', new Float32Array(memory.buffer, address, sizeOf(shape)), shape),
      };
    },
  };
}

/** Bytes that a tensor takes, a whole number of chunks. */
export function padded(elements: number): number {
  return Math.ceil((elements * 4) / CHUNK_BYTES) * CHUNK_BYTES;
}
