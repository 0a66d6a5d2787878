/**
 * Samples that stay on the device: each is uploaded with the batch in which it is first seen, and from then on a batch
 * of known samples is a list of their numbers. The batch is put together where an upload would have put it, so all that
 * follows reads the same bytes.
 */
import { type KernelInput, MAX_GROUPS } from '../../../spec/kernels.ts';
import { sizeOf } from '../../../spec/program.ts';
import { fieldArrays } from '../device.ts';
import { bindingBytes, type Gpu } from './gpu.ts';
import { RESIDENT_KERNELS } from './resident-kernels.ts';

/** Bytes of all samples together: a GPU does not say how much of its memory is free. */
const MAX_BYTES = 1024 ** 3;

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

export class ResidentSamples {
  readonly #device: GPUDevice;
  readonly #buffers: readonly GPUBuffer[];
  readonly #rows: GPUBuffer;
  readonly #takes: readonly Launch[];
  readonly #keeps: readonly Launch[];
  readonly #known: Uint8Array;

  constructor(
    device: GPUDevice,
    samples: number,
    made: { buffers: readonly GPUBuffer[]; rows: GPUBuffer; takes: readonly Launch[]; keeps: readonly Launch[] },
  ) {
    this.#device = device;
    this.#buffers = made.buffers;
    this.#rows = made.rows;
    this.#takes = made.takes;
    this.#keeps = made.keeps;
    this.#known = new Uint8Array(samples);
  }

  has(rows: Uint32Array): boolean {
    return rows.every((row) => this.#known[row] === 1);
  }

  /** From now on they are there: what runs later finds them. */
  note(rows: Uint32Array): void {
    for (const row of rows) this.#known[row] = 1;
  }

  write(rows: Uint32Array): void {
    this.#device.queue.writeBuffer(this.#rows, 0, rows as Uint32Array<ArrayBuffer>);
  }

  /** Puts the batch together. */
  take(pass: GPUComputePassEncoder): void {
    for (const launch of this.#takes) carryOut(pass, launch);
  }

  /** Puts the samples of a batch that was uploaded where they stay. */
  keep(pass: GPUComputePassEncoder): void {
    for (const launch of this.#keeps) carryOut(pass, launch);
  }

  destroy(): void {
    for (const buffer of [...this.#buffers, this.#rows]) buffer.destroy();
  }
}

/** Rows of a field in a buffer of their own. */
interface Part {
  readonly field: BatchField;
  readonly form: RowForm;
  readonly first: number;
  readonly rows: number;
}

/**
 * @param bound bytes from which on a buffer takes no more rows; of the device, but for tests
 * @returns nothing where the GPU has no room for so many samples
 */
export async function makeSamplesResident(
  { device }: Gpu,
  fields: readonly BatchField[],
  samples: number,
  bound = bindingBytes(device.limits),
): Promise<ResidentSamples | undefined> {
  const batch = fields[0]?.input.shape[0] ?? 0;
  const parts = fields.flatMap((field) => partsOf(field, samples, bound));
  const total = parts.reduce((sum, part) => sum + bytesOf(part), 0);
  const fits = parts.every((part) => bytesOf(part) > 0 && bytesOf(part) <= bindingBytes(device.limits));
  if (batch === 0 || !fits || total > MAX_BYTES) return undefined;
  device.pushErrorScope('out-of-memory');
  const usage = GPUBufferUsage.STORAGE;
  const buffers = parts.map((part) =>
    device.createBuffer({ label: `resident ${part.field.input.field}`, size: bytesOf(part), usage }),
  );
  const rows = device.createBuffer({ label: 'rows', size: batch * 4, usage: usage | GPUBufferUsage.COPY_DST });
  if (await device.popErrorScope()) {
    for (const buffer of [...buffers, rows]) buffer.destroy();
    return undefined;
  }
  const launches = async (way: 'take' | 'keep'): Promise<Launch[]> =>
    Promise.all(
      parts.map(async ({ field: { to }, form: { form, bytes, words }, first, rows: held }, i): Promise<Launch> => {
        const pipeline = await device.createComputePipelineAsync({
          label: `${way} ${form}`,
          layout: 'auto',
          compute: {
            module: device.createShaderModule({ code: RESIDENT_KERNELS[form][way] }),
            entryPoint: 'main',
            constants: { row_bytes: bytes, row_words: words, batch_rows: batch, first_row: first, part_rows: held },
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
  return new ResidentSamples(device, samples, {
    buffers,
    rows,
    takes: await launches('take'),
    keeps: await launches('keep'),
  });
}

const bytesOf = ({ form, rows }: Part): number => form.words * 4 * rows;

/** As many rows as one buffer takes, and the next. */
function partsOf(field: BatchField, samples: number, bound: number): Part[] {
  const form = formOf(field.input);
  const most = Math.max(1, Math.floor(bound / Math.max(1, form.words * 4)));
  return Array.from({ length: Math.ceil(samples / most) }, (_, i) => {
    const first = i * most;
    return { field, form, first, rows: Math.min(most, samples - first) };
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
  const down = Math.ceil(count / MAX_GROUPS);
  return [Math.ceil(count / down), down];
}

function carryOut(pass: GPUComputePassEncoder, { pipeline, group, groups }: Launch): void {
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, group);
  pass.dispatchWorkgroups(groups[0], groups[1]);
}
