/** Writing files so that a crash, a kill or a power cut leaves either the old content or the new, never half of it. */

import {
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  fsyncSync,
  ftruncateSync,
  linkSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { EnvironmentError } from './errors.ts';
import { folderOf, ownPath, type SafePath } from './safe-path.ts';

export type FileContent = string | Uint8Array | Iterable<Uint8Array>;

/** One write call is kept below the 2 GiB that some platforms accept. */
const MAX_WRITE_BYTES = 256 * 1024 * 1024;
const TEMPORARY_SUFFIX = '.tmp';
let temporaryCounter = 0;

/**
 * Replaces the file at `path` by `content`, all or nothing: written beside it, flushed, renamed over it, folder
 * flushed.
 * @throws EnvironmentError `disk/full`, `disk/denied`, `disk/gone` or `disk/failed`
 */
export function writeFileAtomic(path: SafePath, content: FileContent): void {
  const temporary = temporaryFor(path);
  try {
    writeFlushed(temporary, content);
    renameSync(temporary, path);
    flushFolder(folderOf(path));
  } catch (error) {
    rmSync(temporary, { force: true });
    throw diskError(error, path);
  }
}

/**
 * Makes a file of `content`, all or nothing, where none is. Of several processes that do so at once one succeeds.
 * @returns whether it was this one
 * @throws EnvironmentError `disk/full`, `disk/denied`, `disk/gone` or `disk/failed`
 */
export function createFileAtomic(path: SafePath, content: FileContent): boolean {
  const temporary = temporaryFor(path);
  try {
    writeFlushed(temporary, content);
    if (!createExclusively(temporary, path)) return false;
    flushFolder(folderOf(path));
    return true;
  } catch (error) {
    throw diskError(error, path);
  } finally {
    rmSync(temporary, { force: true });
  }
}

/** True when `to` did not exist and now holds the content of `from`, in one indivisible act. */
export function createExclusively(from: SafePath, to: SafePath): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(errorCode(error) ?? '')) throw error;
  }
  // File systems without hard links (exFAT): the name is still taken by one only, the content follows.
  try {
    copyFileSync(from, to, constants.COPYFILE_EXCL);
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  }
}

function writeFlushed(path: SafePath, content: FileContent): void {
  withPlain(path, 'wx', (descriptor) => {
    for (const chunk of chunksOf(content)) writeFully(descriptor, chunk);
    fsyncSync(descriptor);
  });
}

/** A name beside `path` for what is to take its place: see `removeLeftovers`. */
export function temporaryFor(path: SafePath): SafePath {
  temporaryCounter += 1;
  return ownPath(dirname(path), `.${basename(path)}.${process.pid}-${temporaryCounter}${TEMPORARY_SUFFIX}`);
}

/**
 * Appends one line and flushes it. A crash may leave a part of the line at the end of the file, nothing else; readers
 * drop a last line without its newline (`truncateDurably`).
 */
export function appendLineDurably(path: SafePath, line: string): void {
  if (line.includes('\n')) throw new Error('appendLineDurably: one line at a time');
  appendDurably(path, Buffer.from(`${line}\n`, 'utf8'));
}

/** Appends bytes and flushes them; the whole of them goes into one write call where the platform allows. */
export function appendDurably(path: SafePath, bytes: Uint8Array): void {
  withDescriptor(path, 'a', (descriptor) => {
    writeFully(descriptor, bytes);
    fsyncSync(descriptor);
  });
}

/** Cuts the file at `length` bytes and flushes it. */
export function truncateDurably(path: SafePath, length: number): void {
  withDescriptor(path, 'r+', (descriptor) => {
    ftruncateSync(descriptor, length);
    fsyncSync(descriptor);
  });
}

/** Makes renames and removals in a folder survive a power cut. Windows cannot open folders and does it by itself. */
export function flushFolder(folder: SafePath): void {
  if (process.platform === 'win32') return;
  const descriptor = openSync(folder, 'r');
  try {
    fsyncSync(descriptor);
  } catch (error) {
    // Some network and FUSE file systems refuse to flush a folder; the file itself is flushed already.
    if (errorCode(error) !== 'EINVAL' && errorCode(error) !== 'ENOTSUP') throw error;
  } finally {
    closeSync(descriptor);
  }
}

/** Removes what killed writers left beside the files of `folder`. Call only while no other process writes there. */
export function removeLeftovers(folder: SafePath): void {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) {
    if (isLeftover(name)) rmSync(join(folder, name), { recursive: true, force: true });
  }
}

/** Whether a file of this name is one that `writeFileAtomic` had not finished. */
export function isLeftover(name: string): boolean {
  return /^\..*\.\d+-\d+\.tmp$/.test(name);
}

/** Reads exactly `length` bytes at `position`, or fewer at the end of the file. */
export function readAt(descriptor: number, position: number, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const wanted = Math.min(MAX_WRITE_BYTES, length - filled);
    const count = readSync(descriptor, bytes, filled, wanted, position + filled);
    if (count === 0) return bytes.slice(0, filled);
    filled += count;
  }
  return bytes;
}

/** Turns what Node throws about a file into words and a repair; anything that is not a file error comes back as it is. */
export function diskError(error: unknown, path: string): unknown {
  const code = errorCode(error);
  if (code === undefined || error instanceof EnvironmentError) return error;
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new EnvironmentError(
        'disk/full',
        `no space left to write ${path} (${code})`,
        `free some space${code === 'EDQUOT' ? ' in your quota' : ''}, or write to another disk with --out`,
      );
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new EnvironmentError(
        'disk/denied',
        `not allowed to write ${path} (${code}${code === 'EROFS' ? ', a read-only file system' : ''})`,
        `give yourself write permission on ${nearestFolder(path)}, or write elsewhere`,
      );
    case 'ENOENT':
      return new EnvironmentError(
        'disk/gone',
        `cannot write ${path}: its folder does not exist`,
        `was ${dirname(path)} moved or deleted? put it back, or write elsewhere`,
      );
    default:
      if (!/^E[A-Z0-9]+$/.test(code)) return error;
      return new EnvironmentError('disk/failed', `cannot write ${path} (${code})`, 'check the path and the disk');
  }
}

/** The `code` of a Node system error, or undefined. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

function withDescriptor(path: SafePath, flags: string, use: (descriptor: number) => void): void {
  try {
    withPlain(path, flags, use);
  } catch (error) {
    throw diskError(error, path);
  }
}

function withPlain(path: SafePath, flags: string, use: (descriptor: number) => void): void {
  const descriptor = openSync(path, flags);
  try {
    use(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Writes all of it, however often it takes. */
export function writeFully(descriptor: number, bytes: Uint8Array): void {
  let written = 0;
  while (written < bytes.byteLength) {
    written += writeSync(descriptor, bytes, written, Math.min(MAX_WRITE_BYTES, bytes.byteLength - written));
  }
}

function chunksOf(content: FileContent): Iterable<Uint8Array> {
  if (typeof content === 'string') return [Buffer.from(content, 'utf8')];
  return content instanceof Uint8Array ? [content] : content;
}

function nearestFolder(path: string): string {
  const folder = dirname(path);
  return existsSync(folder) && statSync(folder).isDirectory() ? folder : dirname(folder);
}
