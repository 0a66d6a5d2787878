/** Whole files in memory, `.gz` unpacked on the way, never more than a bounded number of bytes. */
import { constants } from 'node:buffer';
import type { FileHandle } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { reasonOf } from '../../../spec/reason-of.ts';
import { boundedCount, zeroedBytes } from '../../support/bounded.ts';
import { EnvironmentError, UserError } from '../../support/errors.ts';
import { openForReadingSoon } from '../../support/safe-files.ts';
import { badData, looksLike } from './bad-data.ts';

/** The most a file may hold, packed or unpacked. */
export const MAX_BYTES = Math.min(4 * 1024 ** 3, constants.MAX_LENGTH);
/** The most that is made one string; longer ones are refused by the engine. */
export const MAX_TEXT_BYTES = 256 * 1024 ** 2;
/** Deflate cannot do better than this ratio, so a larger claim is a lie. */
export const DEFLATE_RATIO = 1032;

const gunzipAsync = promisify(gunzip);
/** One read call takes at most 2 GiB. */
const READ_AT_ONCE = 1024 ** 3;

export interface ReadOptions {
  /** Refuse files that are, or unpack to, more than this (default 4 GiB). */
  readonly limit?: number;
}

/** The bytes of a file, unpacked where they are gzip. UserError: `data/missing`, `data/format`, `data/too-large`. */
export async function readBytes(path: string, { limit = MAX_BYTES }: ReadOptions = {}): Promise<Uint8Array> {
  const bytes = await readRaw(path, limit);
  const packed = bytes[0] === 0x1f && bytes[1] === 0x8b;
  if (packed) return unpack(path, bytes, limit);
  if (path.endsWith('.gz')) throw badData(path, 'byte 0', `gzip expected, found ${looksLike(bytes)}`);
  return bytes;
}

async function readRaw(path: string, limit: number): Promise<Uint8Array> {
  let file: FileHandle;
  try {
    file = await openForReadingSoon(path);
  } catch (failure) {
    throw unreadable(path, failure);
  }
  try {
    const status = await file.stat();
    if (!status.isFile()) throw badData(path, '', 'a file was expected here, not a folder or a device');
    if (status.size > limit) throw tooLarge(path, `it has ${status.size} bytes`, limit);
    const bytes = zeroedBytes(boundedCount(status.size, limit, path));
    let filled = 0;
    while (filled < bytes.length) {
      const { bytesRead } = await file.read(bytes, filled, Math.min(READ_AT_ONCE, bytes.length - filled));
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return bytes.subarray(0, filled);
  } catch (failure) {
    throw failure instanceof UserError ? failure : unreadable(path, failure);
  } finally {
    await file.close();
  }
}

async function unpack(path: string, bytes: Uint8Array, limit: number): Promise<Uint8Array> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // The last four bytes give the unpacked size (of one member): a hint that saves putting pieces together.
  const claimed = bytes.length >= 18 ? view.getUint32(bytes.length - 4, true) : 0;
  const hint = Math.min(claimed, bytes.length * DEFLATE_RATIO, 256 * 1024 ** 2);
  try {
    const content = await gunzipAsync(bytes, { maxOutputLength: limit, chunkSize: Math.max(16_384, hint) });
    // A plain array: a Buffer among other byte arrays makes every loop over them several times slower.
    return new Uint8Array(content.buffer, content.byteOffset, content.length);
  } catch (failure) {
    const code = codeOf(failure);
    if (code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(path, 'unpacked it is more', limit);
    const reason = code === 'Z_BUF_ERROR' ? 'it ends in the middle' : 'it is damaged';
    const detail = reasonOf(failure);
    throw badData(path, `gzip of ${bytes.length} bytes`, `${reason} (${detail})`, 'get the file again');
  }
}

function tooLarge(path: string, problem: string, limit: number): UserError {
  return new UserError('data/too-large', `${path}: ${problem}, and at most ${limit} bytes are read`, 'split the file');
}

function unreadable(path: string, failure: unknown): UserError | EnvironmentError {
  const code = codeOf(failure);
  if (code === 'ENOENT' || code === 'ENOTDIR') return new UserError('data/missing', `${path}: no such file`);
  if (code === 'EACCES' || code === 'EPERM') {
    return new UserError('data/missing', `${path}: this user may not read it`, 'change its permissions');
  }
  const detail = reasonOf(failure);
  return new EnvironmentError('data/read', `${path}: reading failed (${detail})`);
}

function codeOf(failure: unknown): string {
  return failure instanceof Error && 'code' in failure ? String(failure.code) : '';
}
