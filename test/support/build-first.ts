/** The tests of the command line run what users run, `dist/`: it is built first where the sources are newer. */
import { execFileSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './repository.ts';

const BUILD = join(ROOT, '.config', 'build.mjs');

export default function buildFirst(): void {
  // Asked for other tests only: they run from source.
  const asked = process.argv.slice(2).filter((word) => word.startsWith('test/'));
  const real = (path: string): boolean => /^test\/(e2e|mesh\/hostile)/.test(path);
  if (asked.length > 0 && !asked.some(real)) return;
  const built = statSync(join(ROOT, 'dist/nmc.cjs'), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const newest = Math.max(...['compiler', 'runtime', 'spec'].map((folder) => newestIn(join(ROOT, folder))));
  if (newest <= built) return;
  execFileSync(process.execPath, [BUILD], { cwd: ROOT, stdio: 'inherit' });
}

function newestIn(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .reduce((newest, entry) => Math.max(newest, statSync(join(entry.parentPath, entry.name)).mtimeMs), 0);
}
