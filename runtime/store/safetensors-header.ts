/** Reads the JSON header of a safetensors file from hostile bytes: every claim is checked against the others. */

import { findDuplicateKey } from '../support/duplicate-keys.ts';
import { UserError } from '../support/errors.ts';
import { ELEMENT_BYTES, type TensorType } from './safetensors-types.ts';

export interface TensorEntry {
  readonly name: string;
  readonly dtype: TensorType;
  readonly shape: readonly number[];
  /** Bytes from the start of the data section; end is exclusive. */
  readonly begin: number;
  readonly end: number;
}

export interface Header {
  /** In the order of their data, which they cover without gap or overlap. */
  readonly entries: readonly TensorEntry[];
  readonly metadata: Readonly<Record<string, string>>;
}

/** Makes the error for a broken rule: where, and what was expected and found there. */
export type Corrupt = (place: string, expectation: string) => UserError;

const MAX_RANK = 32;
const MAX_COUNT = 1_000_000;
/** Types of the format that we do not read: the file is sound, only not for us. */
const OTHER_TYPES = ['BOOL', 'I8', 'I16', 'U16', 'U32', 'U64', 'F16', 'BF16', 'F8_E4M3', 'F8_E5M2', 'F8_E8M0', 'C64'];

/** @param dataLength bytes that follow the header in the file */
export function parseHeader(bytes: Uint8Array, dataLength: number, corrupt: Corrupt, fileName: string): Header {
  const fields = Object.entries(parseObject(bytes, corrupt));
  if (fields.length > MAX_COUNT) throw corrupt('header', `expected at most ${MAX_COUNT} tensors`);
  let metadata: Readonly<Record<string, string>> = {};
  const entries: TensorEntry[] = [];
  for (const [name, value] of fields) {
    if (name === '__metadata__') metadata = parseMetadata(value, corrupt);
    else entries.push(parseEntry(name, value, dataLength, corrupt, fileName));
  }
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let covered = 0;
  for (const entry of entries) {
    if (entry.begin !== covered) {
      const what = entry.begin < covered ? 'overlaps the tensor before it' : 'leaves a gap';
      throw corrupt(place(entry.name), `expected data from byte ${covered}, found ${entry.begin}, which ${what}`);
    }
    covered = entry.end;
  }
  if (covered !== dataLength) {
    throw corrupt('end of data', `expected ${covered} bytes of data, the file has ${dataLength}`);
  }
  return { entries, metadata };
}

function parseObject(bytes: Uint8Array, corrupt: Corrupt): Record<string, unknown> {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw corrupt('header', 'expected UTF-8 text');
  }
  if (!text.startsWith('{')) throw corrupt('byte 8', 'expected the header to begin with "{"');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message.slice(0, 120) : 'unreadable';
    throw corrupt('header', `expected JSON (${printable(reason)})`);
  }
  if (!isRecord(value)) throw corrupt('header', 'expected a JSON object');
  const duplicate = findDuplicateKey(text);
  if (duplicate !== undefined)
    throw corrupt('header', `expected each name once, found "${printable(duplicate)}" twice`);
  return value;
}

function parseMetadata(value: unknown, corrupt: Corrupt): Readonly<Record<string, string>> {
  if (!isRecord(value)) throw corrupt('__metadata__', 'expected an object of texts');
  const entries: [string, string][] = [];
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') throw corrupt(`__metadata__, "${printable(key)}"`, 'expected a text');
    entries.push([key, text]);
  }
  return Object.fromEntries(entries);
}

function parseEntry(name: string, value: unknown, dataLength: number, corrupt: Corrupt, file: string): TensorEntry {
  if (!isRecord(value)) throw corrupt(place(name), 'expected {dtype, shape, data_offsets}');
  const unexpected = Object.keys(value).find((key) => !['dtype', 'shape', 'data_offsets'].includes(key));
  if (unexpected !== undefined) throw corrupt(place(name), `does not know "${printable(unexpected)}"`);
  const dtype = parseType(name, value.dtype, corrupt, file);
  const shape = value.shape;
  if (!isSizes(shape) || shape.length > MAX_RANK) {
    throw corrupt(place(name), `expected a shape of at most ${MAX_RANK} whole numbers`);
  }
  const offsets = value.data_offsets;
  if (!isSizes(offsets) || offsets.length !== 2) throw corrupt(place(name), 'expected data_offsets [begin, end]');
  const [begin = 0, end = 0] = offsets;
  if (begin > end || end > dataLength) {
    throw corrupt(place(name), `expected offsets within 0..${dataLength} in order, found [${begin}, ${end}]`);
  }
  // In BigInt: sizes that multiply to beyond 2^53 must not round to a number that fits.
  const size = shape.reduce((product, count) => product * BigInt(count), BigInt(ELEMENT_BYTES[dtype]));
  if (size !== BigInt(end - begin)) {
    throw corrupt(place(name), `expected ${size} bytes for ${dtype} [${shape.join(', ')}], found ${end - begin}`);
  }
  return { name, dtype, shape, begin, end };
}

function parseType(name: string, dtype: unknown, corrupt: Corrupt, file: string): TensorType {
  if (typeof dtype === 'string' && Object.hasOwn(ELEMENT_BYTES, dtype)) return dtype as TensorType;
  const readable = Object.keys(ELEMENT_BYTES).join(', ');
  if (typeof dtype === 'string' && OTHER_TYPES.includes(dtype)) {
    throw new UserError(
      'weights/dtype',
      `${file}: ${place(name)} has elements of type ${dtype}; only ${readable} can be read`,
      'convert the file, for example to F32',
    );
  }
  throw corrupt(place(name), `expected a dtype of ${readable}`);
}

function isSizes(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function place(name: string): string {
  return `tensor "${printable(name)}"`;
}

/** Names come from the file: no control characters to a terminal, no endless lines. */
function printable(text: string): string {
  const clean = text.replace(/\p{C}/gu, '?');
  return clean.length > 80 ? `${clean.slice(0, 77)}...` : clean;
}
