/** A large NPY file is read row by row, and is the data set that it is when it is read whole. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { allocate, type Dataset, type Field, sizeOf } from '../../../runtime/data/dataset.ts';
import { openNpyFile } from '../../../runtime/data/formats/npy-file.ts';
import { openFile } from '../../../runtime/data/sources/file.ts';
import { removeFolder } from '../../support/remove-folder.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'nmc-npy-'));
});
afterAll(() => removeFolder(folder));

function npy(name: string, descr: string, sizes: readonly number[], data: ArrayBufferView, fortran = false): string {
  const head = `{'descr': '${descr}', 'fortran_order': ${fortran ? 'True' : 'False'}, 'shape': (${sizes.join(', ')},), }`;
  const padded = `${head.padEnd(117)}\n`;
  const start = Buffer.concat([Buffer.from([0x93]), Buffer.from('NUMPY\x01\x00'), Buffer.from([118, 0])]);
  const path = join(folder, name);
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  writeFileSync(path, Buffer.concat([start, Buffer.from(padded), bytes]));
  return path;
}

function rowsOf(dataset: Dataset | undefined, field: Field, rows: readonly number[]): unknown {
  const out = allocate(field, rows.length);
  dataset?.gather(field.name, rows, out);
  return [...out];
}

const PICTURE: Field = { name: 'x', type: 'u8', shape: [2, 3] };
const ORDERS = [[0, 1, 2, 3, 4, 5, 6], [6], [3, 1, 1, 2, 3, 0], []];

test.each([
  ['u8', '|u1', Uint8Array.from({ length: 42 }, (_, i) => (i * 37) % 256)],
  ['i32', '<i4', Int32Array.from({ length: 42 }, (_, i) => i * 1001 - 7)],
  ['f32', '<f4', Float32Array.from({ length: 42 }, (_, i) => i / 8 - 1)],
] as const)('rows of %s are those of the whole file, in any order', async (type, descr, data) => {
  const path = npy(`${type}.npy`, descr, [7, 2, 3], data);
  const field = { ...PICTURE, type };
  const large = openNpyFile(path, field, 1);
  const whole = await openFile(path, [field], 1);
  expect([large?.name, large?.length, large?.origin, large?.fields]).toEqual([
    whole.name,
    whole.length,
    whole.origin,
    whole.fields,
  ]);
  for (const order of ORDERS) expect(rowsOf(large, field, order)).toEqual(rowsOf(whole, field, order));
  expect(() => rowsOf(large, field, [7])).toThrow(RangeError);
  expect(() => large?.gather('x', [0], new Uint8Array(1))).toThrow(RangeError);
  expect(sizeOf(field)).toBe(6);
});

test('files that have to be converted, or are damaged, are read whole', () => {
  const data = Uint8Array.from({ length: 42 });
  const cut = npy('cut.npy', '|u1', [7, 2, 3], data.subarray(1));
  const turned = npy('turned.npy', '|u1', [7, 2, 3], data, true);
  const doubles = npy('doubles.npy', '<f8', [7, 2, 3], new Float64Array(42));
  for (const path of [cut, turned, doubles]) expect(openNpyFile(path, PICTURE, 1)).toBeUndefined();
  const small = npy('small.npy', '|u1', [7, 2, 3], data);
  expect(openNpyFile(small, PICTURE)).toBeUndefined();
  expect(openNpyFile(small, { ...PICTURE, shape: [3, 2] }, 1)).toBeUndefined();
  expect(openNpyFile(small, { ...PICTURE, type: 'f32' }, 1)).toBeUndefined();
});

test('a number that is not finite is refused with its row', () => {
  const data = new Float32Array(42);
  data[13] = Number.NaN;
  const path = npy('nan.npy', '<f4', [7, 2, 3], data);
  expect(() => openNpyFile(path, { ...PICTURE, type: 'f32' }, 1)).toThrow(/row 3 of 7/);
});

test('a whole number that devices would round is refused with its row', () => {
  const path = npy('count.npy', '<i4', [7, 2, 3], new Int32Array(42).fill(2 ** 24 + 1, 40));
  expect(() => openNpyFile(path, { ...PICTURE, type: 'i32' }, 1)).toThrow(/row 7 of 7.*16777217 is a whole number/);
});
