/** The only input of the compiler: reading modules. Everything behind it is pure. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Modules of the standard library are the files `std:nodes.pcn`, everything else is a path. */
export const STANDARD = 'std:';

/** No file of the language is larger than this; a larger one is something else. */
export const MAX_FILE_BYTES = 4 * 1024 * 1024;

export type ReadProblem = 'missing' | 'directory' | 'binary' | 'large' | 'unreadable';
export type ReadResult =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: ReadProblem; readonly detail: string };

export interface Host {
  /** The text of `std:nodes.pcn` or of the file at a path, or what is wrong with it. */
  read(file: string): ReadResult;
  /** Module names (without `.pcn`) beside a file, for suggestions. */
  neighbours(file: string): readonly string[];
}

/** Reads from disk; the standard library lies in `stdlib/` of the package. */
export function fileHost(packageRoot = findPackageRoot()): Host {
  const onDisk = (file: string): string =>
    file.startsWith(STANDARD) ? join(packageRoot, 'stdlib', file.slice(STANDARD.length)) : file;
  return {
    read: (file) => readText(onDisk(file), file),
    neighbours: (file) => listModules(dirname(onDisk(file))),
  };
}

/** Reads from memory first and asks another host for the rest: tests, and an editor's unsaved files. */
export function overlayHost(files: Readonly<Record<string, string>>, rest: Host): Host {
  return {
    read: (file) => {
      const text = Object.hasOwn(files, file) ? files[file] : undefined;
      return text === undefined ? rest.read(file) : { kind: 'text', text };
    },
    neighbours: (file) => {
      const folder = folderOf(file);
      const here = Object.keys(files).filter((name) => folderOf(name) === folder && name.endsWith('.pcn'));
      const names = here.map((name) => name.slice(folder.length, -'.pcn'.length));
      return [...new Set([...names, ...rest.neighbours(file)])];
    },
  };
}

function folderOf(file: string): string {
  if (file.startsWith(STANDARD)) return STANDARD;
  return file.slice(0, Math.max(file.lastIndexOf('/'), file.lastIndexOf('\\')) + 1);
}

/** The folder of `package.json` above this module, in the source tree and in `dist/` alike. */
export function findPackageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) {
    const above = dirname(folder);
    if (above === folder) throw new Error('no package.json above the compiler');
    folder = above;
  }
  return folder;
}

/** @param name how messages call the file */
function readText(path: string, name: string): ReadResult {
  try {
    const found = statSync(path);
    if (found.isDirectory()) return { kind: 'directory', detail: `${name} is a folder` };
    if (found.size > MAX_FILE_BYTES)
      return { kind: 'large', detail: `${name} has ${found.size} bytes, more than ${MAX_FILE_BYTES}` };
    const bytes = readFileSync(path);
    if (bytes.includes(0)) return { kind: 'binary', detail: `${name} is not a text` };
    return { kind: 'text', text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
  } catch (error) {
    return { kind: problemOf(error), detail: detailOf(error, name) };
  }
}

function problemOf(error: unknown): ReadProblem {
  if (error instanceof TypeError) return 'binary'; // the decoder refused it
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'ENOENT' || code === 'ENOTDIR' ? 'missing' : 'unreadable';
}

function detailOf(error: unknown, path: string): string {
  const problem = problemOf(error);
  if (problem === 'binary') return `${path} is not a text in UTF-8`;
  if (problem === 'missing') return `there is no file ${path}`;
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
  return `${path} cannot be read (${code})`;
}

function listModules(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith('.pcn'))
      .map((name) => name.slice(0, -'.pcn'.length));
  } catch {
    return []; // only suggestions are lost
  }
}
