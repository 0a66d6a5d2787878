/**
 * Builds `dist/`: the sources and the small packages that every command needs as a few files, because finding, reading
 * and compiling 250 modules took half of the time from the command to its first words. `npm run types` checks types.
 *
 *     dist/bundle/            everything, in pieces that are loaded when they are wanted
 *     dist/runtime/cli/main.js, dist/runtime/…/worker.js   each entry where its source lies, one line
 *
 * An entry is the command line, and every file that a source names as `new URL('./FILE.js', import.meta.url)`.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SOURCES = ['compiler', 'runtime', 'spec'];
const COMMAND = 'runtime/cli/main.ts';
/** The other packages stay where npm puts them: they have native parts or files of their own, or are rarely wanted. */
const INLINE = ['ajv', 'ajv-formats', 'canonicalize', 'csv-parse', 'fflate', 'onnx-proto', 'yargs'];
const ENTRY_URL = /new URL\('(\.[^']+)\.js', import\.meta\.url\)/g;

const outside = (path) => relative(ROOT, path).split(sep).join('/');

function sourceFiles() {
  return SOURCES.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
      .map((entry) => outside(join(entry.parentPath, entry.name))),
  );
}

function entriesIn(files) {
  const found = new Set([COMMAND]);
  for (const file of files)
    for (const [, named] of readFileSync(join(ROOT, file), 'utf8').matchAll(ENTRY_URL))
      found.add(outside(join(ROOT, dirname(file), `${named}.ts`)));
  return [...found];
}

/** In `dist/bundle/` a source still believes that it lies where it would without a bundle. */
const places = {
  name: 'places',
  setup(building) {
    building.onLoad({ filter: /\.ts$/ }, ({ path }) => {
      const file = outside(path);
      if (file.startsWith('node_modules/')) return undefined;
      const here = `new URL('../${file.replace(/\.ts$/, '.js')}', import.meta.url).href`;
      const contents = readFileSync(path, 'utf8').replace(/\bimport\.meta\.url\b/g, here);
      return { contents, loader: 'ts', resolveDir: dirname(path) };
    });
  },
};

const packages = {
  name: 'packages',
  setup(building) {
    const chevrotain = createRequire(import.meta.url).resolve('chevrotain');
    // The package as the one file that it carries; from source `chevrotain.ts` looks for it itself.
    building.onResolve({ filter: /\/chevrotain\.ts$/ }, () => ({
      path: join(dirname(chevrotain), '..', 'chevrotain.min.mjs'),
    }));
    building.onResolve({ filter: /^[^./]/ }, ({ path, resolveDir }) => {
      const name = path.split('/', path.startsWith('@') ? 2 : 1).join('/');
      const fromSource = !outside(resolveDir).startsWith('node_modules/');
      return fromSource && !INLINE.includes(name) ? { path, external: true } : undefined;
    });
  },
};

const entries = entriesIn(sourceFiles());
const nameOf = (entry) => entry.replace(/\.ts$/, '').replaceAll('/', '-');

/** A training that runs loads some pieces only at its end: those of the builds before stay for a day. */
function removeOld() {
  const folder = join(ROOT, 'dist/bundle');
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(folder))
    if (Date.now() - statSync(join(folder, name)).mtimeMs > 24 * 60 * 60 * 1000) rmSync(join(folder, name));
}

removeOld();
await build({
  absWorkingDir: ROOT,
  entryPoints: entries.map((entry) => ({ in: entry, out: nameOf(entry) })),
  outdir: 'dist/bundle',
  chunkNames: '[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  sourcemap: 'linked',
  sourcesContent: false,
  logLevel: 'warning',
  plugins: [packages, places],
  // Packages in the older form of modules ask for Node's own with `require`.
  banner: {
    js: "import { createRequire as requireFor } from 'node:module';\nconst require = requireFor(import.meta.url);",
  },
});
for (const folder of SOURCES) rmSync(join(ROOT, 'dist', folder), { recursive: true, force: true });
for (const entry of entries) {
  const target = join(ROOT, 'dist', entry.replace(/\.ts$/, '.js'));
  const bundled = relative(dirname(target), join(ROOT, 'dist/bundle', `${nameOf(entry)}.js`))
    .split(sep)
    .join('/');
  mkdirSync(dirname(target), { recursive: true });
  const line = `import '${bundled}';\n`;
  writeFileSync(target, entry === COMMAND ? `#!/usr/bin/env node\n${line}` : line, { mode: 0o755 });
}

await import('./build-page.mjs');
