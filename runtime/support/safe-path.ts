/**
 * The only place that makes a `SafePath`, which is all that writers of files take (`safe-files.ts`, `atomic.ts`): a
 * path of the user's or of this program, or a name of someone else's that stays below a folder.
 */
import { lstatSync, mkdirSync, realpathSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { UserError } from './errors.ts';
import { pathProblem, shownPath } from './path-names.ts';

declare const SAFE: unique symbol;
/** A checked text; nothing at run time tells it from others. */
export type SafePath = string & { readonly [SAFE]: true };

/** Paths that the user has typed, and names of this program below them. Never give it a name that came from outside. */
export function ownPath(...parts: readonly string[]): SafePath {
  return join(...parts) as SafePath;
}

/** The folder that a path lies in. */
export function folderOf(path: SafePath): SafePath {
  return dirname(path) as SafePath;
}

/**
 * A file below `folder` that someone else has named. No component of it may be a link at this moment.
 * @throws UserError `path/unsafe`
 */
export function insideFolder(folder: SafePath, relative: string): SafePath {
  const problem = pathProblem(relative);
  if (problem !== undefined) throw unsafe(folder, relative, problem);
  let at: string = folder;
  for (const name of relative.split('/')) {
    at = join(at, name);
    const found = lstatSync(at, { throwIfNoEntry: false });
    if (found?.isSymbolicLink()) throw unsafe(folder, relative, 'a part of its path is a link');
    if (!found) break;
  }
  return join(folder, ...relative.split('/')) as SafePath;
}

/**
 * As `insideFolder`, with the folders on the way made, one by one, so that none is made behind a link.
 * @throws UserError `path/unsafe`, and what the file system says
 */
export function madeInside(folder: SafePath, relative: string): SafePath {
  const path = insideFolder(folder, relative);
  let at: string = folder;
  for (const name of relative.split('/').slice(0, -1)) {
    at = join(at, name);
    const found = lstatSync(at, { throwIfNoEntry: false });
    if (!found) mkdirSync(at);
    else if (!found.isDirectory()) throw unsafe(folder, relative, 'a part of its path is not a folder');
  }
  assertInside(folder, relative);
  return path;
}

/**
 * As `madeInside`, for many files that are not there yet, one after the other: where a folder was made for the one
 * before, it is asked whether that is still where it was, and nothing else of the way.
 * @returns the path of a file, with the folders on its way made
 */
export function makerInside(folder: SafePath): (relative: string) => SafePath {
  const made = new Set<string>();
  return (relative) => {
    const parent = dirname(relative);
    if (!made.has(parent)) {
      const path = madeInside(folder, relative);
      made.add(parent);
      return path;
    }
    const problem = pathProblem(relative);
    if (problem !== undefined) throw unsafe(folder, relative, problem);
    assertInside(folder, relative);
    return join(folder, ...relative.split('/')) as SafePath;
  };
}

/**
 * Whether the folder of the file is still where it was meant to be: to be asked when the file is open, since a link may
 * have come between. @throws UserError `path/unsafe`
 */
export function assertInside(folder: SafePath, relative: string): void {
  const wanted = dirname(join(realpathSync.native(folder), ...relative.split('/')));
  if (realpathSync.native(dirname(join(folder, ...relative.split('/')))) !== wanted)
    throw unsafe(folder, relative, 'a part of its path is a link');
}

/** Whether a path without links is below a folder without links. */
export function isBelow(folder: string, path: string): boolean {
  return path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}

function unsafe(folder: string, relative: string, problem: string): UserError {
  return new UserError(
    'path/unsafe',
    `${shownPath(relative)} cannot name a file in ${folder}: ${problem}`,
    'do not use the plan, run or mesh that it came with: it may be malicious',
  );
}
