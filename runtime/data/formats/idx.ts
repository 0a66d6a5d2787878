/**
 * IDX, the format of MNIST: two zero bytes, a type, the rank, the sizes as big-endian u32, then the elements,
 * big-endian.
 */

import { boundedCount, listOf, zeroed } from '../../support/bounded.ts';
import type { FieldArray, FieldType } from '../dataset.ts';
import { badData, badLength, looksLike } from './bad-data.ts';
import { INEXACT, roundedDouble } from './table.ts';

export interface NumberArray {
  readonly type: FieldType;
  /** All sizes; the first is the number of samples. */
  readonly sizes: readonly number[];
  readonly data: FieldArray;
}

interface ElementType {
  readonly bytes: number;
  readonly type: FieldType;
  readonly read: (view: DataView, at: number) => number;
}

const TYPES: Readonly<Record<number, ElementType>> = {
  8: { bytes: 1, type: 'u8', read: (view, at) => view.getUint8(at) },
  9: { bytes: 1, type: 'i32', read: (view, at) => view.getInt8(at) },
  11: { bytes: 2, type: 'i32', read: (view, at) => view.getInt16(at) },
  12: { bytes: 4, type: 'i32', read: (view, at) => view.getInt32(at) },
  13: { bytes: 4, type: 'f32', read: (view, at) => view.getFloat32(at) },
  14: { bytes: 8, type: 'f32', read: (view, at) => view.getFloat64(at) },
};

export function isIdx(bytes: Uint8Array): boolean {
  return bytes[0] === 0 && bytes[1] === 0 && TYPES[bytes[2] ?? 0] !== undefined && (bytes[3] ?? 0) > 0;
}

/** Bytes are not copied: `data` is a view where elements are u8. Doubles become f32. */
export function parseIdx(path: string, bytes: Uint8Array): NumberArray {
  if (bytes.length < 4 || bytes[0] !== 0 || bytes[1] !== 0) {
    throw badData(path, 'byte 0', `IDX begins with two zero bytes, but this is ${looksLike(bytes)}`);
  }
  const element = TYPES[bytes[2] as number];
  if (!element) throw badData(path, 'byte 2', `${bytes[2]} is not an IDX type (8, 9, 11, 12, 13 or 14)`);
  const rank = bytes[3] as number;
  if (rank === 0) throw badData(path, 'byte 3', 'the rank is 0, so there are no samples');
  const start = 4 + 4 * rank;
  if (bytes.length < start) {
    throw badData(path, `byte ${bytes.length}`, `the file ends inside its header, which has ${start} bytes`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const sizes = listOf(boundedCount(rank, 255, 'the rank'), (d) => view.getUint32(4 + 4 * d));
  sizes.forEach((size, d) => {
    if (size === 0) throw badData(path, `byte ${4 + 4 * d}`, `size ${d + 1} of ${rank} is 0`);
  });
  const count = sizes.reduce((product, size) => product * size, 1);
  const expected = start + count * element.bytes;
  if (bytes.length !== expected) throw badLength(path, bytes, expected, `${sizes.join(' x ')} elements make`);
  return { type: element.type, sizes, data: readElements(path, view, start, count, element, bytes) };
}

function readElements(
  path: string,
  view: DataView,
  start: number,
  count: number,
  element: ElementType,
  bytes: Uint8Array,
): FieldArray {
  if (element.type === 'u8') return bytes.subarray(start, start + count);
  const length = boundedCount(count, bytes.length, 'elements of the file');
  const out = element.type === 'i32' ? zeroed(Int32Array, length) : zeroed(Float32Array, length);
  for (let i = 0; i < count; i++) out[i] = element.read(view, start + i * element.bytes);
  const rounded = element.bytes === 8 ? roundedDouble(count, (i) => element.read(view, start + 8 * i)) : -1;
  if (rounded >= 0) {
    const at = start + 8 * rounded;
    throw badData(path, `byte ${at}`, `${element.read(view, at)} ${INEXACT}`);
  }
  return out;
}
