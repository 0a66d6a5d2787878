/** `nmc data list` and `nmc data get NAME`. */
import { createReadStream } from 'node:fs';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { extract } from 'tar-stream';
import { reasonOf } from '../../spec/reason-of.ts';
import { diskError } from '../support/atomic.ts';
import { EnvironmentError, UserError } from '../support/errors.ts';
import { makeFolderSoon, moveFileSoon, removeFileSoon, writeStream } from '../support/safe-files.ts';
import { ownPath, type SafePath } from '../support/safe-path.ts';
import { exists } from './directory.ts';
import { type FetchOptions, fetchFile } from './fetch-file.ts';
import { KNOWN_SETS, type KnownFile, type KnownSet } from './known-sets.ts';

export interface DatasetListing {
  readonly name: string;
  readonly title: string;
  /** To download. */
  readonly bytes: number;
  /** All its files are in the directory. */
  readonly present: boolean;
}

export interface DownloadProgress {
  readonly file: string;
  /** Bytes of this set that are here, of `total`. */
  readonly received: number;
  readonly total: number;
}

export interface DownloadOptions extends Omit<FetchOptions, 'onProgress'> {
  /** Instead of the known ones. */
  readonly sets?: readonly KnownSet[];
}

export interface Downloaded {
  readonly folder: string;
  /** Files that were not there before. */
  readonly files: readonly string[];
}

/** The sets that `getDataset` knows, and whether they lie in `directory` already. */
export async function listDatasets(directory: string, sets = KNOWN_SETS): Promise<DatasetListing[]> {
  return Promise.all(
    sets.map(async ({ name, title, folder, files }) => {
      const present = await Promise.all(files.map((file) => isPresent(join(directory, folder), file)));
      return { name, title, bytes: totalBytes(files), present: present.every((here) => here) };
    }),
  );
}

/**
 * Fetches what is missing of a set into `directory`. Files that are there are left alone, whatever they hold.
 * UserError `data/unknown`; EnvironmentError `data/network`, `data/checksum`, `data/archive`, `disk/…`.
 */
export async function getDataset(
  name: string,
  directory: string,
  onProgress: (progress: DownloadProgress) => void = () => {},
  options: DownloadOptions = {},
): Promise<Downloaded> {
  const sets = options.sets ?? KNOWN_SETS;
  const set = sets.find((known) => known.name === name.replace('_', '-') || known.name === name);
  if (!set) {
    const known = sets.map((s) => s.name).join(', ');
    throw new UserError('data/unknown', `there is no data set \`${name}\` to download`, `there are: ${known}`);
  }
  const folder = ownPath(directory, set.folder);
  try {
    await makeFolderSoon(folder);
  } catch (failure) {
    throw diskError(failure, folder);
  }
  const total = totalBytes(set.files);
  const fetched: string[] = [];
  let before = 0;
  for (const file of set.files) {
    const done = before;
    const report = (received: number): void => onProgress({ file: file.name, received: done + received, total });
    if (!(await isPresent(folder, file))) {
      await fetchFile(file, ownPath(folder, file.name), { ...options, onProgress: report });
      if (file.members) await unpackMembers(folder, file, file.members);
      fetched.push(...(file.members ?? [file.name]));
    }
    before += file.bytes;
    report(file.bytes);
  }
  return { folder, files: fetched };
}

const totalBytes = (files: readonly KnownFile[]): number => files.reduce((sum, file) => sum + file.bytes, 0);

/** A file counts as present also when it lies there unpacked or packed. */
async function isPresent(folder: string, file: KnownFile): Promise<boolean> {
  for (const name of file.members ?? [file.name]) {
    const plain = name.replace(/\.gz$/, '');
    if (!(await exists(join(folder, plain))) && !(await exists(join(folder, `${plain}.gz`)))) return false;
  }
  return true;
}

/** Takes `members` out of the archive, whatever folder they are in there, and removes it. */
async function unpackMembers(folder: SafePath, file: KnownFile, members: readonly string[]): Promise<void> {
  const archive = ownPath(folder, file.name);
  const missing = new Set(members);
  try {
    const entries = extract();
    const feeding = pipeline(createReadStream(archive), createGunzip(), entries);
    for await (const entry of entries) {
      const name = basename(entry.header.name);
      if (missing.has(name) && entry.header.type === 'file') {
        // One of the names that we look for: the archive cannot choose another.
        const part = ownPath(folder, `${name}.part`);
        await pipeline(entry, writeStream(part));
        await moveFileSoon(part, ownPath(folder, name));
        missing.delete(name);
      } else {
        entry.resume();
      }
    }
    await feeding;
  } catch (failure) {
    const disk = diskError(failure, folder);
    if (disk instanceof EnvironmentError) throw disk;
    const detail = reasonOf(failure);
    throw new EnvironmentError('data/archive', `${archive} cannot be unpacked (${detail})`, 'get it again');
  }
  if (missing.size > 0) {
    const names = [...missing].join(', ');
    throw new EnvironmentError('data/archive', `${archive} holds no ${names}`, 'get the set elsewhere');
  }
  await removeFileSoon(archive);
}
