/** Small files of every format, written byte by byte or by other libraries than the ones that read them. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zipSync } from 'fflate';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { PNG } from 'pngjs';
import { afterAll } from 'vitest';
import { removeFolder } from '../../support/remove-folder.ts';

/** A folder that is removed after the tests of the file that asks for it. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'nmc-data-'));
  afterAll(() => removeFolder(folder));
  return folder;
}

export function idx(sizes: readonly number[], elements: readonly number[], type = 8): Uint8Array {
  const header = Buffer.alloc(4 + 4 * sizes.length);
  header.set([0, 0, type, sizes.length]);
  sizes.forEach((size, d) => {
    header.writeUInt32BE(size, 4 + 4 * d);
  });
  return Buffer.concat([header, Buffer.from(elements)]);
}

export function npy(descr: string, shape: readonly number[], body: Uint8Array, fortran = false): Uint8Array {
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const text = `{'descr': '${descr}', 'fortran_order': ${fortran ? 'True' : 'False'}, 'shape': (${tuple}), }`;
  const padded = `${text.padEnd(64 * Math.ceil((text.length + 11) / 64) - 11)}\n`;
  const header = Buffer.from(`\x93NUMPY\x01\x00\x00\x00${padded}`, 'latin1');
  header.writeUInt16LE(padded.length, 8);
  return Buffer.concat([header, body]);
}

export function npyF32(shape: readonly number[], values: readonly number[]): Uint8Array {
  return npy('<f4', shape, new Uint8Array(Float32Array.from(values).buffer));
}

export function npz(arrays: Readonly<Record<string, Uint8Array>>): Uint8Array {
  return zipSync(Object.fromEntries(Object.entries(arrays).map(([name, bytes]) => [`${name}.npy`, bytes])));
}

/** @param colour red, green, blue and alpha at (x, y) */
export function png(width: number, height: number, colour: (x: number, y: number) => readonly number[]): Uint8Array {
  const picture = new PNG({ width, height });
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) picture.data.set(colour(x, y), 4 * (y * width + x));
  return PNG.sync.write(picture);
}

export function greyPng(width: number, height: number, value: (x: number, y: number) => number): Uint8Array {
  return png(width, height, (x, y) => [value(x, y), value(x, y), value(x, y), 255]);
}

export function parquet(columnData: Parameters<typeof parquetWriteBuffer>[0]['columnData']): Uint8Array {
  return new Uint8Array(parquetWriteBuffer({ columnData }));
}

/** Records of CIFAR-10: record r has label r % 10, and red, green and blue planes of 3r, 3r + 1 and 3r + 2. */
export function cifar(records: number): Uint8Array {
  const bytes = new Uint8Array(records * 3073);
  for (let r = 0; r < records; r++) {
    bytes[r * 3073] = r % 10;
    for (let c = 0; c < 3; c++) bytes.fill(3 * r + c, r * 3073 + 1 + 1024 * c, r * 3073 + 1 + 1024 * (c + 1));
  }
  return bytes;
}
