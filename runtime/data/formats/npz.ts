/**
 * NPZ: a zip archive of NPY arrays, each a field. The archive is read here and not by a library, because the sums and
 * the claimed sizes must be checked before anything is unpacked.
 */
import { crc32, inflateRawSync } from 'node:zlib';
import { reasonOf } from '../../../spec/reason-of.ts';
import { badData, looksLike } from './bad-data.ts';
import { DEFLATE_RATIO, MAX_BYTES } from './bytes.ts';
import type { NumberArray } from './idx.ts';
import { parseNpy } from './npy.ts';

interface Entry {
  readonly name: string;
  readonly method: number;
  readonly sum: number;
  readonly packed: number;
  readonly unpacked: number;
  /** Of the entry's local header. */
  readonly offset: number;
}

const END = 0x06054b50;
const CENTRAL = 0x02014b50;
const LOCAL = 0x04034b50;

/**
 * The arrays by name (without `.npy`). Files in the archive that are not arrays are left out.
 * @param wanted names of the arrays to read, where the archive has all of them: texts and objects may lie beside them
 */
export function parseNpz(path: string, bytes: Uint8Array, wanted?: readonly string[]): Map<string, NumberArray> {
  const arrays = new Map<string, NumberArray>();
  const all = listEntries(path, bytes).filter((entry) => entry.name.endsWith('.npy'));
  assertOnce(path, all);
  const entries = wanted?.every((name) => all.some((entry) => entry.name === `${name}.npy`))
    ? all.filter((entry) => wanted.includes(entry.name.slice(0, -4)))
    : all;
  const total = entries.reduce((sum, entry) => sum + entry.unpacked, 0);
  if (total > MAX_BYTES) throw badData(path, '', `its arrays take ${total} bytes; at most ${MAX_BYTES} are read`);
  for (const entry of entries)
    arrays.set(entry.name.slice(0, -4), parseNpy(`${path}:${entry.name}`, unpack(path, bytes, entry)));
  if (arrays.size === 0) throw badData(path, '', 'the archive holds no .npy array');
  return arrays;
}

function assertOnce(path: string, entries: readonly Entry[]): void {
  const seen = new Set<string>();
  for (const { name } of entries) {
    if (seen.has(name)) throw badData(path, '', `${name} is in the archive twice`);
    seen.add(name);
  }
}

function listEntries(path: string, bytes: Uint8Array): Entry[] {
  if (bytes[0] !== 0x50 || bytes[1] !== 0x4b) {
    throw badData(path, 'byte 0', `NPZ is a zip archive, but this is ${looksLike(bytes)}`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = findEnd(view);
  if (end < 0) throw badData(path, `byte ${bytes.length}`, 'the archive has no directory at its end: it is cut off');
  const count = view.getUint16(end + 10, true);
  let at = view.getUint32(end + 16, true);
  const entries: Entry[] = [];
  for (let k = 0; k < count; k++) {
    if (at + 46 > bytes.length || view.getUint32(at, true) !== CENTRAL) {
      throw badData(path, `byte ${at}`, `entry ${k + 1} of ${count} of the archive's directory is damaged`);
    }
    const nameLength = view.getUint16(at + 28, true);
    const extra = view.getUint16(at + 30, true);
    const comment = view.getUint16(at + 32, true);
    entries.push({
      name: new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameLength)),
      method: view.getUint16(at + 10, true),
      sum: view.getUint32(at + 16, true),
      packed: view.getUint32(at + 20, true),
      unpacked: view.getUint32(at + 24, true),
      offset: view.getUint32(at + 42, true),
    });
    at += 46 + nameLength + extra + comment;
  }
  return entries;
}

/** Offset of the end record: the last one within the longest possible comment. */
function findEnd(view: DataView): number {
  const last = view.byteLength - 22;
  for (let at = last; at >= Math.max(0, last - 65_535); at--) if (view.getUint32(at, true) === END) return at;
  return -1;
}

function unpack(path: string, bytes: Uint8Array, entry: Entry): Uint8Array {
  const { name, offset, packed, unpacked } = entry;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (offset + 30 > bytes.length || view.getUint32(offset, true) !== LOCAL) {
    throw badData(path, `byte ${offset}`, `the header of ${name} is damaged`);
  }
  const start = offset + 30 + view.getUint16(offset + 26, true) + view.getUint16(offset + 28, true);
  if (start + packed > bytes.length) {
    throw badData(path, `byte ${bytes.length}`, `the archive ends inside ${name}, which has ${packed} bytes`);
  }
  if (unpacked > packed * DEFLATE_RATIO + 64) {
    throw badData(path, `byte ${offset}`, `${name} cannot hold ${unpacked} bytes in ${packed}`);
  }
  const content = inflate(path, entry, bytes.subarray(start, start + packed));
  if (content.length !== unpacked || crc32(content) !== entry.sum) {
    throw badData(path, `byte ${start}`, `${name} is damaged: its checksum does not agree`, 'get or write it again');
  }
  return content;
}

function inflate(path: string, { name, method, offset, unpacked }: Entry, packed: Uint8Array): Uint8Array {
  if (method === 0) return packed;
  if (method !== 8) throw badData(path, `byte ${offset}`, `${name} is packed by method ${method}, not deflate`);
  try {
    const content = inflateRawSync(packed, { maxOutputLength: unpacked + 1, chunkSize: Math.max(64, unpacked + 1) });
    return new Uint8Array(content.buffer, content.byteOffset, content.length);
  } catch (failure) {
    const detail = reasonOf(failure);
    throw badData(path, `byte ${offset}`, `${name} is damaged (${detail})`, 'get or write it again');
  }
}
