/**
 * Samples that stay on the device: each is uploaded with the batch in which it is first seen, and from then on a batch of
 * known samples is a list of their numbers. The batch is put together where an upload would have put it, so all that
 * follows reads the same bytes.
 */
import { type KernelInput, MOST_GROUPS } from '../../../spec/kernels.ts';
import { sizeOf } from '../../../spec/program.ts';
import { fieldArrays } from '../device.ts';
import type { Gpu } from './gpu.ts';
import { KEPT_KERNELS } from './kept-kernels.ts';

/** Bytes of all samples together: nobody can ask a GPU how much of its memory is free. */
const MOST_BYTES = 1024 ** 3;

/** Where a run reads a field of the batch. */
export interface BatchField {
  readonly input: KernelInput;
  readonly to: { readonly buffer: GPUBuffer; readonly offset: number };
}

interface Launch {
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
  readonly groups: readonly [number, number];
}

export class KeptSamples {
  private readonly device: GPUDevice;
  private readonly buffers: readonly GPUBuffer[];
  private readonly rows: GPUBuffer;
  private readonly takes: readonly Launch[];
  private readonly keeps: readonly Launch[];
  private readonly known: Uint8Array;

  constructor(
    device: GPUDevice,
    samples: number,
    made: { buffers: readonly GPUBuffer[]; rows: GPUBuffer; takes: readonly Launch[]; keeps: readonly Launch[] },
  ) {
    this.device = device;
    this.buffers = made.buffers;
    this.rows = made.rows;
    this.takes = made.takes;
    this.keeps = made.keeps;
    this.known = new Uint8Array(samples);
  }

  has(rows: Uint32Array): boolean {
    return rows.every((row) => this.known[row] === 1);
  }

  /** From now on they are there: what runs later finds them. */
  note(rows: Uint32Array): void {
    for (const row of rows) this.known[row] = 1;
  }

  write(rows: Uint32Array): void {
    this.device.queue.writeBuffer(this.rows, 0, rows as Uint32Array<ArrayBuffer>);
  }

  /** Puts the batch together. */
  take(pass: GPUComputePassEncoder): void {
    for (const launch of this.takes) carryOut(pass, launch);
  }

  /** Puts the samples of a batch that was uploaded where they stay. */
  keep(pass: GPUComputePassEncoder): void {
    for (const launch of this.keeps) carryOut(pass, launch);
  }

  destroy(): void {
    for (const buffer of [...this.buffers, this.rows]) buffer.destroy();
  }
}

/** @returns nothing where the GPU has no room for so many samples */
export async function keepSamples(
  { device }: Gpu,
  fields: readonly BatchField[],
  samples: number,
): Promise<KeptSamples | undefined> {
  const batch = fields[0]?.input.shape[0] ?? 0;
  const forms = fields.map(({ input }) => formOf(input));
  const sizes = forms.map(({ words }) => words * 4 * samples);
  const most = Math.min(device.limits.maxStorageBufferBindingSize, device.limits.maxBufferSize);
  const total = sizes.reduce((a, b) => a + b, 0);
  if (batch === 0 || sizes.some((size) => size === 0 || size > most) || total > MOST_BYTES) return undefined;
  device.pushErrorScope('out-of-memory');
  const usage = GPUBufferUsage.STORAGE;
  const buffers = sizes.map((size, i) => device.createBuffer({ label: `kept ${fields[i]?.input.field}`, size, usage }));
  const rows = device.createBuffer({ label: 'rows', size: batch * 4, usage: usage | GPUBufferUsage.COPY_DST });
  if (await device.popErrorScope()) {
    for (const buffer of [...buffers, rows]) buffer.destroy();
    return undefined;
  }
  const launches = async (way: 'take' | 'keep'): Promise<Launch[]> =>
    Promise.all(
      fields.map(async ({ to }, i): Promise<Launch> => {
        const { form, bytes, words } = forms[i] ?? { form: 'words', bytes: 0, words: 0 };
        const pipeline = await device.createComputePipelineAsync({
          label: `${way} ${form}`,
          layout: 'auto',
          compute: {
            module: device.createShaderModule({ code: KEPT_KERNELS[form][way] }),
            entryPoint: 'main',
            constants: { row_bytes: bytes, row_words: words, batch_rows: batch },
          },
        });
        const size = Math.ceil((bytes * batch) / 4) * 4;
        const bound = [{ buffer: rows }, { buffer: buffers[i] ?? rows }, { ...to, size }];
        const entries = bound.map((resource, binding) => ({ binding, resource }));
        const threads = way === 'take' ? size / 4 : batch * words;
        const group = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
        return { pipeline, group, groups: groupsFor(Math.ceil(threads / 64)) };
      }),
    );
  return new KeptSamples(device, samples, {
    buffers,
    rows,
    takes: await launches('take'),
    keeps: await launches('keep'),
  });
}

interface RowForm {
  readonly form: 'words' | 'bytes';
  readonly bytes: number;
  readonly words: number;
}

function formOf({ type, shape }: KernelInput): RowForm {
  const bytes = sizeOf(shape.slice(1)) * new fieldArrays[type](0).BYTES_PER_ELEMENT;
  return { form: bytes % 4 === 0 ? 'words' : 'bytes', bytes, words: Math.ceil(bytes / 4) };
}

function groupsFor(count: number): [number, number] {
  const down = Math.ceil(count / MOST_GROUPS);
  return [Math.ceil(count / down), down];
}

function carryOut(pass: GPUComputePassEncoder, { pipeline, group, groups }: Launch): void {
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, group);
  pass.dispatchWorkgroups(groups[0], groups[1]);
}
