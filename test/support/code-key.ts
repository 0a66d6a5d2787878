/**
 * Names the code that a measurement stands on, so that what was kept of it counts for as long as that code is the same:
 * all that its file reaches, without comments and types and without what is not used, the standard library, and the
 * versions of the packages.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

/**
 * @param root of the repository
 * @param entry file there that measures, as a source
 * @returns 16 digits, others wherever anything could come out otherwise
 */
export async function codeKey(root: string, entry: string): Promise<string> {
  const { outputFiles, metafile } = await build({
    ...{ absWorkingDir: root, entryPoints: [entry], bundle: true, write: false, metafile: true },
    ...{ platform: 'node', format: 'esm', packages: 'external', logLevel: 'silent' },
    ...{ minifyWhitespace: true, legalComments: 'none', treeShaking: true },
  });
  const hash = createHash('sha256');
  for (const { text } of outputFiles) hash.update(text);
  for (const path of libraryFiles(root)) hash.update(path).update(readFileSync(join(root, path)));
  const packages = Object.values(metafile.inputs).flatMap(({ imports }) => imports.filter((i) => i.external));
  for (const name of [...new Set(packages.map(({ path }) => packageOf(path)))].sort())
    hash.update(`${name} ${versionOf(root, name)}`);
  return hash.digest('hex').slice(0, 16);
}

/** What models import, as its authors write it. */
function libraryFiles(root: string): string[] {
  return readdirSync(join(root, 'stdlib'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.pcn'))
    .sort()
    .map((path) => join('stdlib', path));
}

function packageOf(path: string): string {
  return path
    .split('/')
    .slice(0, path.startsWith('@') ? 2 : 1)
    .join('/');
}

/** Empty of what Node itself brings. */
function versionOf(root: string, name: string): string {
  try {
    const text = readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8');
    return (JSON.parse(text) as { readonly version: string }).version;
  } catch {
    return '';
  }
}
