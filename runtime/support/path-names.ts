/** Whether a path that someone else wrote is a plain name below a folder, on every system that may come to read it. */

import { printable } from './printable.ts';

/** Of one component in bytes, and of a whole path in characters: what all file systems take. */
const MAX_NAME_BYTES = 255;
const MAX_PATH_CHARACTERS = 1000;
const MAX_DEPTH = 32;
/** Devices of Windows, whatever ending they have. */
const RESERVED = /^(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])$/i;
/** Control and format characters, halves of characters, and ends of lines. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;

/** @returns what is wrong with it, or nothing. Components are divided by `/`. */
export function pathProblem(path: unknown): string | undefined {
  if (typeof path !== 'string') return 'it is not text';
  if (path.length > MAX_PATH_CHARACTERS) return `it has more than ${MAX_PATH_CHARACTERS} characters`;
  const names = path.split('/');
  if (names.length > MAX_DEPTH) return `it lies in more than ${MAX_DEPTH} folders`;
  for (const name of names) {
    const problem = nameProblem(name);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function nameProblem(name: string): string | undefined {
  if (name === '') return 'a name in it is empty';
  if (name === '.' || name === '..') return 'it leaves its folder';
  if (UNSEEN.test(name)) return 'it has an invisible character';
  if (/[\\:<>"|?*]/.test(name)) return 'it has a character that is special on some systems';
  if (/[. ]$/.test(name)) return 'a name in it ends with a dot or a space';
  if (RESERVED.test(name.split('.')[0]?.trimEnd() ?? '')) return 'a name in it is that of a device';
  if (new TextEncoder().encode(name).length > MAX_NAME_BYTES)
    return `a name in it has more than ${MAX_NAME_BYTES} bytes`;
  return undefined;
}

/** Files that one folder is to hold: each plain, none twice where small and capital letters are the same. */
export class PathSet {
  readonly #files = new Set<string>();
  readonly #folders = new Set<string>();

  /** @returns what is wrong with the path beside those before it, or nothing */
  add(path: unknown): string | undefined {
    const problem = pathProblem(path);
    if (problem !== undefined) return problem;
    const names = (path as string).normalize('NFC').toLowerCase().split('/');
    const whole = names.join('/');
    if (this.#files.has(whole)) return 'it occurs twice';
    if (this.#folders.has(whole)) return 'it is a file and a folder';
    for (let depth = 1; depth < names.length; depth++) {
      const folder = names.slice(0, depth).join('/');
      if (this.#files.has(folder)) return 'it is a file and a folder';
      this.#folders.add(folder);
    }
    this.#files.add(whole);
    return undefined;
  }
}

/** For a message: quoted, nothing that a terminal would obey, and short. */
export function shownPath(path: unknown): string {
  return `"${printable(path, 120)}"`;
}
