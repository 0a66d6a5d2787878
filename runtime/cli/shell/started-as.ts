/** How this process was started, for the commands that it prints: `nmc`, `npx --no nmc` or `node PATH`. */
import { existsSync } from 'node:fs';
import { basename, delimiter, dirname, isAbsolute, join, relative, sep } from 'node:path';
import { type Beginning, shellWord } from '../../support/command-text.ts';

/** Facts of a process that tell how it was started. */
export interface Start {
  readonly platform: NodeJS.Platform;
  /** Of Node itself, as it was called. */
  readonly argv0: string;
  /** Where Node found the program: absolute, links not followed. */
  readonly script: string;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly exists: (path: string) => boolean;
}

/** How printed commands begin, where somebody knows better: set for the processes that this one starts. */
export const COMMAND_VARIABLE = 'NMC_COMMAND';
/** npx asks the registry for what is not installed; `--no` makes it fail instead. */
const NPX = 'npx --no';
/** Where npx keeps what it has fetched or linked. */
const NPX_CACHE = `${sep}_npx${sep}`;

export function startOf(process: NodeJS.Process): Start {
  const { platform, argv0, argv, env } = process;
  return { platform, argv0, script: argv[1] ?? '', cwd: process.cwd(), env, exists: existsSync };
}

/** @returns how a command begins, by its words: npx takes an option behind the name for its own */
export function startedAs(start: Start): Beginning {
  const name = beginningOf(start);
  if (name === NPX) return (words) => (words.startsWith('-') ? `${NPX} -- nmc ${words}` : `${NPX} nmc ${words}`.trim());
  return (words) => `${name} ${words}`.trim();
}

function beginningOf(start: Start): string {
  const { env, script, platform } = start;
  const said = env[COMMAND_VARIABLE];
  if (said) return said;
  if (throughNpm(start)) return NPX;
  const onPath = (env.PATH ?? env.Path ?? '').split(delimiter);
  if (basename(script).split('.')[0] === 'nmc' && onPath.includes(dirname(script))) return 'nmc';
  const modules = enclosing(script, 'node_modules');
  if (modules !== undefined) {
    // Windows has no links: what lies in the folder of programs calls the script itself.
    if (platform === 'win32' && onPath.includes(dirname(modules))) return 'nmc';
    const links = dirname(script) === join(modules, '.bin') || platform === 'win32';
    if (links && isWithin(start.cwd, dirname(modules))) return NPX;
  }
  return `${shellWord(nodeOf(start))} ${shellWord(shorter(script, start.cwd))}`;
}

/** By npx, or by a script of a package: then it is a program of the package here, or of one that it has installed. */
function throughNpm({ env, script, exists }: Start): boolean {
  if (env.npm_command === undefined) return false;
  if (!script.includes(NPX_CACHE)) return enclosing(script, 'node_modules') !== undefined;
  const here = env.npm_config_local_prefix;
  return env.npm_package_bin_nmc !== undefined || (!!here && exists(join(here, 'node_modules', '.bin', 'nmc')));
}

/** The innermost folder of that name around a path. */
function enclosing(path: string, name: string): string | undefined {
  const at = path.lastIndexOf(`${sep}${name}${sep}`);
  return at < 0 ? undefined : path.slice(0, at + 1 + name.length);
}

function isWithin(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way === '' || (way.split(sep)[0] !== '..' && !isAbsolute(way));
}

/** `node`, where that is how it was called. */
function nodeOf({ argv0, env, exists }: Start): string {
  const { PATH = '' } = env;
  const folder = PATH.split(delimiter).find((each) => exists(join(each, 'node')));
  return folder !== undefined && join(folder, 'node') === argv0 ? 'node' : argv0;
}

/** Within the folder where it was typed, as it was typed. */
function shorter(script: string, cwd: string): string {
  return isWithin(script, cwd) ? relative(cwd, script) : script;
}
