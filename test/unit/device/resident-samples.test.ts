/** Samples that stay on the GPU: what a run reads of them is what an upload brings, for rows of any length and type. */
import { expect, test } from 'vitest';
import { kernelFiles, lowerToWgsl } from '../../../compiler/7-kernels/wgsl/lower.ts';
import { type FieldData, fieldArrays } from '../../../runtime/device/device.ts';
import { openSession } from '../../../runtime/device/webgpu/session.ts';
import type { FieldType, Op, Program } from '../../../spec/program.ts';
import { stream } from '../../../spec/random.ts';
import { openLowered, softwareGpu } from '../../support/webgpu.ts';

const [BATCH, SAMPLES, MAX_WIDE] = [5, 23, 67];
const POSITION = { batch: 0, batches: 1 };
const FIELDS: readonly (readonly [FieldType, number])[] = [
  ['u8', 1],
  ['u8', 3],
  ['u8', 4],
  ['u8', MAX_WIDE],
  ['i32', 1],
  ['f32', 1],
  ['f32', 65],
];
const nameOf = (type: FieldType, width: number): string => `${type}_${width}`;

/** Gives every field back, doubled. */
function doubled(): Program {
  const inputs = FIELDS.map(([type, width]) => {
    const field = nameOf(type, width);
    return { id: `field:${field}`, field, type, shape: [BATCH, width] };
  });
  const ops: Op[] = inputs.map(({ id, field, shape }) => ({
    id: `two_${field}`,
    op: 'add',
    args: [id, id],
    attributes: {},
    shape,
  }));
  const block = { name: 'work', repeat: 1, firstTick: 0, scalars: [], carries: [], ops };
  const results = inputs.map(({ field }) => ({ name: field, value: `two_${field}` }));
  return {
    name: 'doubled',
    states: [],
    functions: [{ name: 'train', role: 'train', batch: BATCH, inputs, blocks: [block], updates: [], results }],
  };
}

function samples(): Record<string, FieldData> {
  const rng = stream(5, 'kept samples');
  return Object.fromEntries(
    FIELDS.map(([type, width], i) => {
      const data = new fieldArrays[type](SAMPLES * width);
      for (let e = 0; e < data.length; e++)
        data[e] = type === 'f32' ? rng.normal(e) : Math.floor(256 * rng.uniform(1000 * i + e));
      return [nameOf(type, width), data];
    }),
  );
}

function batchOf(all: Readonly<Record<string, FieldData>>, rows: Uint32Array): Record<string, FieldData> {
  return Object.fromEntries(
    FIELDS.map(([type, width]) => {
      const name = nameOf(type, width);
      const out = new fieldArrays[type](BATCH * width);
      rows.forEach((row, k) => {
        for (let e = 0; e < width; e++) out[k * width + e] = all[name]?.[row * width + e] ?? Number.NaN;
      });
      return [name, out];
    }),
  );
}

test.each([
  ['in one buffer', {}],
  // 68 bytes: rows of up to 4 bytes in two parts, longer ones in one for each row.
  ['in parts', { residentBytes: 68 }],
])('a batch of known samples %s equals an upload of them', async (_, options) => {
  const session = await openLowered(lowerToWgsl, options)(doubled());
  const all = samples();
  const resident = await session.makeResident('train', SAMPLES);
  if (!resident) throw new Error('there is room for so few');
  const mixed = Uint32Array.of(22, 0, 7, 13, 4);
  expect(resident.has(mixed)).toBe(false);
  expect(() => resident.run(mixed, undefined, POSITION)).toThrow('not seen');
  // Every sample once, the last batch with some that are known.
  for (const first of [0, 5, 10, 15, 18]) {
    const rows = Uint32Array.from({ length: BATCH }, (_, i) => first + i);
    const inputs = batchOf(all, rows);
    expect(await resident.run(rows, inputs, POSITION)).toEqual(await session.run('train', inputs, POSITION));
  }
  const orders = [mixed, Uint32Array.of(1, 1, 1, 21, 2), Uint32Array.of(18, 17, 16, 15, 14)];
  // Without waiting: each run has its own numbers, though they share a buffer.
  const found = await Promise.all(orders.map((rows) => resident.run(rows, undefined, POSITION)));
  for (const [i, rows] of orders.entries()) {
    expect(resident.has(rows)).toBe(true);
    expect(found[i]).toEqual(await session.run('train', batchOf(all, rows), POSITION));
  }
  await session.close();
});

test('samples that a GPU has no room for are not resident, and runs go on with uploads', async () => {
  const gpu = await softwareGpu();
  const session = await openSession(gpu, kernelFiles(lowerToWgsl(doubled())));
  const tooMany = Math.floor(gpu.device.limits.maxStorageBufferBindingSize / (65 * 4)) + 1;
  expect(await session.makeResident('train', tooMany)).toBeUndefined();
  const inputs = batchOf(samples(), Uint32Array.of(1, 2, 3, 4, 5));
  const results = await session.run('train', inputs, POSITION);
  expect(results.u8_3).toEqual(Float32Array.from(inputs.u8_3 ?? [], (v) => 2 * v));
  await session.close();
});
