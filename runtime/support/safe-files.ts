/** The functions that change files and folders: only for checked paths (`safe-path.ts`). */
import {
  createWriteStream,
  mkdirSync,
  mkdtempSync,
  openSync,
  renameSync,
  rmSync,
  utimesSync,
  type WriteStream,
} from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { ownPath, type SafePath } from './safe-path.ts';

/** With those above it, where they are not there. */
export function makeFolder(path: SafePath): void {
  mkdirSync(path, { recursive: true });
}

/** As `makeFolder`, for this user only. @returns whether any was made */
export function makePrivateFolder(path: SafePath): boolean {
  return mkdirSync(path, { recursive: true, mode: 0o700 }) !== undefined;
}

/** @throws where it is there */
export function makeNewFolder(path: SafePath): void {
  mkdirSync(path);
}

/** @param prefix of ours */
export function makeTemporaryFolder(prefix: string): SafePath {
  return ownPath(mkdtempSync(ownPath(tmpdir(), prefix)));
}

export function moveFile(from: SafePath, to: SafePath): void {
  renameSync(from, to);
}

/** A file, or a folder with all that is in it; nothing where it is not there. */
export function removeAll(path: SafePath): void {
  rmSync(path, { recursive: true, force: true });
}

export function removeFile(path: SafePath): void {
  rmSync(path, { force: true });
}

/** A file that does not exist yet. */
export function openNew(path: SafePath): number {
  return openSync(path, 'wx');
}

/** A file that does not exist yet, for this user only. */
export function openNewPrivate(path: SafePath): number {
  return openSync(path, 'wx', 0o600);
}

/** @param seconds since 1970 */
export function setTimes(path: SafePath, seconds: number): void {
  utimesSync(path, seconds, seconds);
}

export function openForReading(path: string): number {
  return openSync(path, 'r');
}

export function writeStream(path: SafePath): WriteStream {
  return createWriteStream(path);
}

export async function makeFolderSoon(path: SafePath): Promise<void> {
  await mkdir(path, { recursive: true });
}

export async function moveFileSoon(from: SafePath, to: SafePath): Promise<void> {
  await rename(from, to);
}

export async function removeFileSoon(path: SafePath): Promise<void> {
  await rm(path, { force: true });
}

/** @param fresh from the beginning; else what is there stays */
export function openForWriting(path: SafePath, fresh: boolean): Promise<FileHandle> {
  return open(path, fresh ? 'w' : 'r+');
}

/** Whatever its name: nothing is changed. */
export function openForReadingSoon(path: string): Promise<FileHandle> {
  return open(path, 'r');
}
