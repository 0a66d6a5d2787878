/** Where data sets lie: `--data DIR`, else `$NMC_DATA`, else a folder in the user's cache. */
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder } from '../support/cache-folder.ts';
import { nmc } from '../support/command-text.ts';
import { UserError } from '../support/errors.ts';

export function dataDirectory(explicit: string | undefined): string {
  return explicit ?? (process.env.NMC_DATA || join(cacheFolder(), 'data'));
}

/** The first of `names` that is in one of `folders`. UserError `data/missing` says where it looked and what to do. */
export async function findFile(folders: readonly string[], names: readonly string[], set: string): Promise<string> {
  for (const folder of folders) {
    for (const name of names) if (await exists(join(folder, name))) return join(folder, name);
  }
  throw missing(folders, names, set);
}

export function missing(folders: readonly string[], names: readonly string[], set: string): UserError {
  const where = folders.join(' or ');
  return new UserError(
    'data/missing',
    `${set} was not found: looked for ${names[0]} (or .gz) in ${where}`,
    `--data DIR or $NMC_DATA names another folder; to download it: ${nmc`data get ${set}`}`,
  );
}

export async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}
