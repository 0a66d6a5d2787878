/**
 * The safetensors format (frozen): 8 bytes header length, a JSON header of names, types, shapes and offsets, then the
 * data. Little-endian throughout, as is every machine that Node runs our devices on.
 */

import { closeSync, fstatSync } from 'node:fs';
import { errorCode, readAt, writeFileAtomic } from '../support/atomic.ts';
import { EnvironmentError, UserError } from '../support/errors.ts';
import { openForReading } from '../support/safe-files.ts';
import type { SafePath } from '../support/safe-path.ts';
import { type Corrupt, type Header, parseHeader, type TensorEntry } from './safetensors-header.ts';
import { ELEMENT_BYTES, elementCount, type NamedTensor, type TensorFile, tensorBytes } from './safetensors-types.ts';

export type { NamedTensor, TensorFile, TensorType } from './safetensors-types.ts';

/** The format's own bound on the header. */
const MAX_HEADER_BYTES = 100_000_000;

/** Writes the tensors to `path`, all or nothing. Same tensors and metadata, same bytes. */
export function writeSafetensors(
  path: SafePath,
  tensors: readonly NamedTensor[],
  metadata: Readonly<Record<string, string>> = {},
): void {
  writeFileAtomic(path, safetensorsPieces(tensors, metadata));
}

/**
 * The pieces of the file: its head, then the data of each tensor (views, not copies). Wider element types come first,
 * then names in order, so that every tensor is aligned to its element, as in files of the reference implementation.
 */
export function encodeSafetensors(
  tensors: readonly NamedTensor[],
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array[] {
  return [...safetensorsPieces(tensors, metadata)];
}

/** The same, one after the other: data of a tensor are asked for when all before it has been taken. */
function* safetensorsPieces(
  tensors: readonly NamedTensor[],
  metadata: Readonly<Record<string, string>>,
): Generator<Uint8Array> {
  const ordered = inFileOrder(tensors);
  const bytesOf = ({ dtype, shape }: NamedTensor): number => ELEMENT_BYTES[dtype] * elementCount(shape);
  yield safetensorsHead(
    ordered.map((tensor) => ({ ...headOf(tensor), byteLength: bytesOf(tensor) })),
    metadata,
  );
  for (const tensor of ordered) {
    const bytes = tensorBytes(tensor);
    if (bytes.length !== bytesOf(tensor))
      throw new Error(
        `writeSafetensors: "${tensor.name}" has ${bytes.length / ELEMENT_BYTES[tensor.dtype]} elements, not [${tensor.shape.join(', ')}]`,
      );
    yield bytes;
  }
}

function headOf({ name, dtype, shape }: NamedTensor): Omit<HeadEntry, 'byteLength'> {
  return { name, dtype, shape };
}

/** A tensor of a file that is written without having all of them at once. */
export interface HeadEntry extends Omit<NamedTensor, 'data'> {
  readonly byteLength: number;
}

/** All that stands before the data. @param ordered as `inFileOrder` has them */
export function safetensorsHead(
  ordered: readonly HeadEntry[],
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  // Entries, not an object: an object would put names that look like numbers first, and lose one named __proto__.
  const entries: string[] = [];
  if (Object.keys(metadata).length > 0) entries.push(`"__metadata__":${JSON.stringify(sorted(metadata))}`);
  const names = new Set<string>(['__metadata__']);
  let offset = 0;
  for (const tensor of ordered) {
    if (names.has(tensor.name)) throw new Error(`writeSafetensors: two tensors named "${tensor.name}"`);
    names.add(tensor.name);
    const { dtype, shape } = tensor;
    const end = offset + tensor.byteLength;
    entries.push(`${JSON.stringify(tensor.name)}:${JSON.stringify({ dtype, shape, data_offsets: [offset, end] })}`);
    offset = end;
  }
  const json = Buffer.from(`{${entries.join(',')}}`, 'utf8');
  const head = Buffer.alloc(8 + Math.ceil(json.length / 8) * 8, ' ');
  head.writeBigUInt64LE(BigInt(head.length - 8), 0);
  json.copy(head, 8);
  return head;
}

/** Wider elements first, then by name. */
export function inFileOrder<T extends Pick<NamedTensor, 'name' | 'dtype'>>(tensors: readonly T[]): T[] {
  return [...tensors].sort((a, b) => ELEMENT_BYTES[b.dtype] - ELEMENT_BYTES[a.dtype] || (a.name < b.name ? -1 : 1));
}

/**
 * Reads a whole file (or the bytes of one), trusting nothing in it. Tensors come in the order of their data.
 * @param label how messages name bytes that come from no file
 * @throws UserError `weights/missing`, `weights/corrupt` or `weights/dtype`, naming file, place and expectation
 */
export function readSafetensors(source: string | Uint8Array, label = 'weights'): TensorFile {
  if (typeof source !== 'string') {
    return readFrom({ name: label, size: source.byteLength, read: (at, length) => source.slice(at, at + length) });
  }
  const file = openFile(source);
  try {
    return readFrom(file);
  } finally {
    file.close();
  }
}

/** A file whose tensors are read whenever their data are asked for, and not kept, until it is closed. */
export interface OpenTensorFile extends TensorFile {
  close(): void;
}

/** @throws UserError as `readSafetensors` does */
export function openSafetensors(path: string): OpenTensorFile {
  const file = openFile(path);
  try {
    const { entries, metadata, begin } = headIn(file);
    const tensors = entries.map((entry) =>
      tensorOnDisk(entry, (at, bytes) => file.read(begin + entry.begin + at, bytes)),
    );
    return { tensors, metadata, close: file.close };
  } catch (error) {
    file.close();
    throw error;
  }
}

/** @param read bytes from a place of the tensor on, in memory of their own */
export function tensorOnDisk(
  entry: TensorEntry,
  read: (at: number, bytes: number) => Uint8Array<ArrayBuffer>,
): NamedTensor {
  const { name, dtype, shape, begin, end } = entry;
  const part = (from: number, to: number): Float32Array<ArrayBuffer> =>
    new Float32Array(read(ELEMENT_BYTES.F32 * from, ELEMENT_BYTES.F32 * (to - from)).buffer);
  const tensor = {
    ...{ name, dtype, shape },
    get data() {
      return toTensor(entry, read(0, end - begin)).data;
    },
    ...(dtype === 'F32' ? { part } : {}),
  };
  return tensor as NamedTensor;
}

function openFile(path: string): ByteSource<Uint8Array<ArrayBuffer>> & { readonly close: () => void } {
  let descriptor: number;
  try {
    descriptor = openForReading(path);
  } catch (error) {
    throw openingError(error, path);
  }
  const close = (): void => closeSync(descriptor);
  try {
    const stat = fstatSync(descriptor);
    if (!stat.isFile()) throw new UserError('weights/missing', `${path} is not a file`, 'name a .safetensors file');
    return { name: path, size: stat.size, read: (at, length) => readAt(descriptor, at, length), close };
  } catch (error) {
    close();
    throw error;
  }
}

/**
 * The same of bytes that lie in memory: tensors are views of them wherever their places allow it.
 * @throws UserError `weights/corrupt`
 */
export function viewSafetensors(bytes: Uint8Array, label: string): TensorFile {
  return readFrom({ name: label, size: bytes.byteLength, read: (at, length) => bytes.subarray(at, at + length) });
}

interface ByteSource<B extends Uint8Array = Uint8Array> {
  readonly name: string;
  readonly size: number;
  /** A copy, or a view: what is not aligned is copied. */
  readonly read: (position: number, length: number) => B;
}

function readFrom(source: ByteSource): TensorFile {
  const { entries, metadata, begin, corrupt } = headIn(source);
  const tensors = entries.map((entry) => {
    const bytes = source.read(begin + entry.begin, entry.end - entry.begin);
    if (bytes.byteLength !== entry.end - entry.begin)
      throw corrupt(`tensor "${entry.name}"`, 'the file ends inside it');
    return toTensor(entry, bytes);
  });
  return { tensors, metadata };
}

/** What a file says of its tensors, and where their data begin. */
function headIn(source: ByteSource): Header & { readonly begin: number; readonly corrupt: Corrupt } {
  const corrupt = (place: string, expectation: string): UserError =>
    new UserError(
      'weights/corrupt',
      `${source.name} is not a sound safetensors file: ${place}: ${expectation}`,
      'copy or download the file again, or use an earlier snapshot',
    );
  if (source.size < 8) throw corrupt('byte 0', `expected 8 bytes of header length, the file has ${source.size}`);
  const lengthBytes = source.read(0, 8);
  const headerLength = Number(new DataView(lengthBytes.buffer, lengthBytes.byteOffset).getBigUint64(0, true));
  if (headerLength > MAX_HEADER_BYTES || headerLength > source.size - 8) {
    const bound = Math.min(MAX_HEADER_BYTES, source.size - 8);
    throw corrupt('byte 0', `expected a header length of at most ${bound}, found ${headerLength}`);
  }
  const begin = 8 + headerLength;
  const header = parseHeader(source.read(8, headerLength), source.size - begin, corrupt, source.name);
  return { ...header, begin, corrupt };
}

function toTensor({ name, dtype, shape }: TensorEntry, bytes: Uint8Array): NamedTensor {
  const { byteOffset } = bytes;
  // `slice` of a pooled Buffer is a view into the pool and may be misaligned: copy in that case.
  const isAligned = byteOffset % ELEMENT_BYTES[dtype] === 0;
  const buffer = isAligned ? bytes.buffer : Uint8Array.from(bytes).buffer;
  const offset = isAligned ? byteOffset : 0;
  const count = bytes.byteLength / ELEMENT_BYTES[dtype];
  switch (dtype) {
    case 'F32':
      return { name, dtype, shape, data: new Float32Array(buffer, offset, count) };
    case 'F64':
      return { name, dtype, shape, data: new Float64Array(buffer, offset, count) };
    case 'I32':
      return { name, dtype, shape, data: new Int32Array(buffer, offset, count) };
    case 'I64':
      return { name, dtype, shape, data: new BigInt64Array(buffer, offset, count) };
    case 'U8':
      return { name, dtype, shape, data: new Uint8Array(buffer, offset, count) };
  }
}

function openingError(error: unknown, path: string): unknown {
  const code = errorCode(error);
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return new UserError('weights/missing', `there is no file ${path}`, 'check the path');
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return new EnvironmentError('disk/denied', `not allowed to read ${path}`, 'give yourself read permission on it');
  }
  return error;
}

function sorted(record: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
}
