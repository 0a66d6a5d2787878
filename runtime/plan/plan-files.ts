/** Reads the files that a plan names: inside its folder, of the right size, with the right hash. */
import { createHash } from 'node:crypto';
import { lstatSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { MAX_PLAN_BYTES, type Plan } from '../../spec/plan.ts';
import { errorCode } from '../support/atomic.ts';
import { UserError } from '../support/errors.ts';
import { PathSet, shownPath } from '../support/path-names.ts';
import { isBelow } from '../support/safe-path.ts';

export const PLAN_FILE = 'plan.json';

export function broken(folder: string, what: string): UserError {
  return new UserError('plan/format', `${folder} is not a sound plan: ${what}`, 'compile the model again');
}

/** @throws UserError `plan/path`, `plan/hash`, `plan/format` */
export function readPlanFiles(folder: string, files: Plan['files']): Map<string, Uint8Array> {
  const total = files.reduce((sum, f) => sum + f.bytes, 0);
  if (total > MAX_PLAN_BYTES) throw broken(folder, `its files are ${total} bytes in all`);
  const root = realpathSync(folder);
  const found = new Map<string, Uint8Array>();
  const paths = new PathSet();
  for (const file of files) {
    if (found.has(file.path)) throw broken(folder, `it names ${file.path} twice`);
    const problem = paths.add(file.path);
    if (problem !== undefined) throw outside(folder, file.path, problem);
    found.set(file.path, readChecked(folder, root, file));
  }
  return found;
}

function readChecked(folder: string, root: string, file: Plan['files'][number]): Uint8Array {
  const path = join(folder, ...file.path.split('/'));
  // A link may lead out of the folder, and a pipe would never end.
  const real = realPath(path);
  if (real === undefined) throw broken(folder, `${file.path} is missing`);
  if (!isBelow(root, real)) throw outside(folder, file.path, 'a link leads out of it');
  const stat = lstatSync(real);
  if (!stat.isFile()) throw broken(folder, `${file.path} is not a file`);
  if (stat.size !== file.bytes) throw broken(folder, `${file.path} has ${stat.size} bytes, not ${file.bytes}`);
  const bytes = readFileSync(real);
  if (createHash('sha256').update(bytes).digest('hex') !== file.sha256)
    throw new UserError(
      'plan/hash',
      `${folder}: ${file.path} does not have its hash: it was changed after the plan was made`,
      'compile the model again',
    );
  return bytes;
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG'].includes(errorCode(error) ?? '')) return undefined;
    throw error;
  }
}

export function outside(folder: string, path: string, problem: string): UserError {
  return new UserError(
    'plan/path',
    `${folder}: the plan names a file that may not lie in its folder: ${shownPath(path)}: ${problem}`,
    'do not run this plan',
  );
}
