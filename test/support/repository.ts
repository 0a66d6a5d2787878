/** The repository as its own tests see it: which files belong to it, and who imports whom. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { packageRoot } from '../../runtime/cli/shell/package-root.ts';

/** Found upwards: benchmarks run from a folder that they are built in. */
export const ROOT = packageRoot();

/** Paths that git follows and that are still there, with `/` between folders. */
export function trackedFiles(): string[] {
  const list = (...options: string[]): string[] =>
    execFileSync('git', ['ls-files', '-z', ...options], { cwd: ROOT, encoding: 'utf8' })
      .split('\0')
      .filter(Boolean);
  const deleted = new Set(list('--deleted'));
  return [...new Set(list())].filter((file) => !deleted.has(file));
}

export function readText(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8');
}

export interface Imported {
  /** A path within the repository, or a package. */
  readonly target: string;
  /** Gone when compiled. */
  readonly typeOnly: boolean;
  /** `import('…')`: loaded when it is needed, not when the module is. */
  readonly dynamic: boolean;
}

const STATIC = /^(?:import|export)\s+(type\s+)?(?:[\w*{][^'";]*?\sfrom\s+)?'([^']+)'/gm;
const DYNAMIC = /(\btypeof\s+)?\bimport\(\s*'([^']+)'/g;

/** Imports of a module, static or not, types included. */
export function importsOf(file: string, text = readText(file)): Imported[] {
  const found: Imported[] = [];
  for (const [, type, name = ''] of text.matchAll(STATIC))
    found.push({ target: place(file, name), typeOnly: type !== undefined, dynamic: false });
  for (const [, type, name = ''] of text.matchAll(DYNAMIC))
    found.push({ target: place(file, name), typeOnly: type !== undefined, dynamic: true });
  return found;
}

function place(file: string, name: string): string {
  return name.startsWith('.') ? posix.normalize(posix.join(posix.dirname(file), name)) : name;
}

/** The first cycle along `edges`, as a path that ends where it begins; undefined when there is none. */
export function findCycle(edges: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const finished = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): string[] | undefined => {
    const at = path.indexOf(file);
    if (at >= 0) return [...path.slice(at), file];
    if (finished.has(file)) return undefined;
    path.push(file);
    for (const next of edges.get(file) ?? []) {
      const cycle = visit(next);
      if (cycle) return cycle;
    }
    path.pop();
    finished.add(file);
    return undefined;
  };
  for (const file of edges.keys()) {
    const cycle = visit(file);
    if (cycle) return cycle;
  }
  return undefined;
}

/** `file:line` of every match, so that a failure says where. */
export function matches(inFiles: readonly string[], pattern: RegExp): string[] {
  return inFiles.flatMap((file) =>
    readText(file)
      .split('\n')
      .flatMap((line, i) => (pattern.test(line) ? [`${file}:${i + 1}: ${line.trim()}`] : [])),
  );
}
