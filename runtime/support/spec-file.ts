/** Files of `spec/`, which lies beside the sources, and beside `dist/` once built. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** @throws Error where the package was taken apart */
export function readSpecJson(name: string): object {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'spec', name))) {
    const above = dirname(folder);
    if (above === folder) throw new Error(`spec/${name} is not with the package`);
    folder = above;
  }
  return JSON.parse(readFileSync(join(folder, 'spec', name), 'utf8')) as object;
}
