/** NPY, one numpy array: a signature, a Python dictionary that describes it, then the elements. */

import { boundedCount, zeroed } from '../../support/bounded.ts';
import type { FieldArray, FieldType } from '../dataset.ts';
import { badData, badLength, looksLike } from './bad-data.ts';
import type { NumberArray } from './idx.ts';
import { INEXACT, roundedDouble } from './table.ts';

const SIGNATURE = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

export function isNpy(bytes: Uint8Array): boolean {
  return SIGNATURE.every((byte, i) => bytes[i] === byte);
}

export interface Header {
  readonly descr: string;
  readonly fortran: boolean;
  readonly sizes: readonly number[];
  readonly start: number;
}

interface ElementType {
  readonly bytes: number;
  readonly type: FieldType;
  readonly read: (view: DataView, at: number, little: boolean) => number;
}

/** numpy's kind and size; 64-bit and unsigned 32-bit integers must fit in i32, doubles become f32. */
const TYPES: Readonly<Record<string, ElementType>> = {
  b1: { bytes: 1, type: 'u8', read: (view, at) => view.getUint8(at) },
  u1: { bytes: 1, type: 'u8', read: (view, at) => view.getUint8(at) },
  i1: { bytes: 1, type: 'i32', read: (view, at) => view.getInt8(at) },
  u2: { bytes: 2, type: 'i32', read: (view, at, little) => view.getUint16(at, little) },
  i2: { bytes: 2, type: 'i32', read: (view, at, little) => view.getInt16(at, little) },
  u4: { bytes: 4, type: 'i32', read: (view, at, little) => view.getUint32(at, little) },
  i4: { bytes: 4, type: 'i32', read: (view, at, little) => view.getInt32(at, little) },
  u8: { bytes: 8, type: 'i32', read: (view, at, little) => Number(view.getBigUint64(at, little)) },
  i8: { bytes: 8, type: 'i32', read: (view, at, little) => Number(view.getBigInt64(at, little)) },
  f2: { bytes: 2, type: 'f32', read: (view, at, little) => halfToNumber(view.getUint16(at, little)) },
  f4: { bytes: 4, type: 'f32', read: (view, at, little) => view.getFloat32(at, little) },
  f8: { bytes: 8, type: 'f32', read: (view, at, little) => view.getFloat64(at, little) },
};

export function parseNpy(path: string, bytes: Uint8Array): NumberArray {
  const header = parseHeader(path, bytes);
  const { descr, sizes, start } = header;
  const element = TYPES[descr.slice(1)];
  if (!element || !/^[<>|=]/.test(descr)) {
    throw badData(path, 'byte 10', `elements of type '${descr}' are not plain numbers`, 'save it as f4, u1 or i4');
  }
  if (sizes.length === 0) throw badData(path, 'byte 10', 'a single number has no samples', 'give it a first axis');
  if (sizes.some((size) => size === 0)) throw badData(path, 'byte 10', `the shape (${sizes.join(', ')}) is empty`);
  const count = sizes.reduce((product, size) => product * size, 1);
  const expected = start + count * element.bytes;
  if (bytes.length !== expected)
    throw badLength(path, bytes, expected, `shape (${sizes.join(', ')}) of '${descr}' makes`);
  const data = readElements(path, bytes, header, element, count);
  return { type: element.type, sizes, data: header.fortran ? toRowMajor(data, sizes) : data };
}

export function parseHeader(path: string, bytes: Uint8Array): Header {
  if (!isNpy(bytes)) throw badData(path, 'byte 0', `NPY begins with \\x93NUMPY, but this is ${looksLike(bytes)}`);
  const major = bytes[6] ?? 0;
  if (major < 1 || major > 3) throw badData(path, 'byte 6', `NPY version ${major} is not known (1, 2 or 3)`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const at = major === 1 ? 10 : 12;
  if (bytes.length < at) throw badData(path, `byte ${bytes.length}`, 'the file ends inside its header');
  const start = at + (major === 1 ? view.getUint16(8, true) : view.getUint32(8, true));
  if (bytes.length < start) {
    throw badData(path, `byte ${bytes.length}`, `the file ends inside its header, which has ${start} bytes`);
  }
  const text = new TextDecoder('latin1').decode(bytes.subarray(at, Math.min(start, at + 10_000)));
  const descr = /'descr'\s*:\s*'([^']{2,8})'/.exec(text)?.[1];
  const order = /'fortran_order'\s*:\s*(True|False)/.exec(text)?.[1];
  const shape = /'shape'\s*:\s*\(([\d,\s]*)\)/.exec(text)?.[1];
  if (descr === undefined || order === undefined || shape === undefined) {
    const short = text.trim().slice(0, 80);
    throw badData(
      path,
      `byte ${at}`,
      `expected {'descr': '<f4', 'fortran_order': False, 'shape': (…)}, found ${short}`,
    );
  }
  const sizes = shape
    .split(',')
    .filter((part) => part.trim() !== '')
    .map(Number);
  return { descr, fortran: order === 'True', sizes, start };
}

function readElements(
  path: string,
  bytes: Uint8Array,
  header: Header,
  element: ElementType,
  count: number,
): FieldArray {
  const { start, descr } = header;
  if (element.type === 'u8') return bytes.subarray(start, start + count);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const little = !descr.startsWith('>');
  const length = boundedCount(count, bytes.length, 'elements of the file');
  const out = element.type === 'i32' ? zeroed(Int32Array, length) : zeroed(Float32Array, length);
  for (let i = 0; i < count; i++) {
    const at = start + i * element.bytes;
    const value = element.read(view, at, little);
    out[i] = value;
    if (element.type === 'i32' && out[i] !== value) throw badData(path, `byte ${at}`, `${value} does not fit in i32`);
  }
  if (element.type === 'f32' && element.bytes === 8) refuseRounded(path, view, header, count);
  return out;
}

function refuseRounded(path: string, view: DataView, { start, descr }: Header, count: number): void {
  const little = !descr.startsWith('>');
  const read = (i: number): number => view.getFloat64(start + 8 * i, little);
  const first = roundedDouble(count, read);
  if (first >= 0) throw badData(path, `byte ${start + 8 * first}`, `${read(first)} ${INEXACT}`);
}

/** Numpy's Fortran order has the first index fastest; here the last one is. */
function toRowMajor(data: FieldArray, sizes: readonly number[]): FieldArray {
  const out = data.slice();
  const index = sizes.map(() => 0);
  const strides = sizes.map((_, d) => sizes.slice(0, d).reduce((product, size) => product * size, 1));
  let from = 0;
  for (let to = 0; to < out.length; to++) {
    out[to] = data[from] as number;
    for (let d = sizes.length - 1; d >= 0; d--) {
      const next = (index[d] as number) + 1;
      from += strides[d] as number;
      if (next < (sizes[d] as number)) {
        index[d] = next;
        break;
      }
      from -= next * (strides[d] as number);
      index[d] = 0;
    }
  }
  return out;
}

/** IEEE half precision. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
