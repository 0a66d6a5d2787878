/** The files of a plan in a folder: inside it, whatever links there are, and files that have an end. */
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '../support/atomic.ts';
import { isBelow } from '../support/safe-path.ts';
import { broken, outside } from './plan-errors.ts';
import { type FoundFile, PLAN_FILE, type PlanSource } from './plan-source.ts';

export function planFolder(folder: string): PlanSource {
  let root: string | undefined;
  return {
    name: folder,
    find: (path) => {
      root ??= realPath(folder);
      return root === undefined ? undefined : findBelow(folder, root, path);
    },
  };
}

export function isPlanFolder(path: string): boolean {
  return existsSync(join(path, PLAN_FILE));
}

/** @param root the folder without links */
function findBelow(folder: string, root: string, path: string): FoundFile | undefined {
  // A link may lead out of the folder, and a pipe would never end.
  const real = realPath(join(folder, ...path.split('/')));
  if (real === undefined) return undefined;
  if (!isBelow(root, real)) throw outside(folder, path, 'a link leads out of it');
  const stat = lstatSync(real);
  if (!stat.isFile()) throw broken(folder, `${path} is not a file`);
  return {
    size: stat.size,
    read: () => {
      const bytes = readFileSync(real);
      return { bytes, sha256: createHash('sha256').update(bytes).digest('hex') };
    },
  };
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG'].includes(errorCode(error) ?? '')) return undefined;
    throw error;
  }
}
