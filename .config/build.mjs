/**
 * Builds `dist/`: the sources and the small packages that every command needs as a few files, because finding, reading
 * and compiling 250 modules took half of the time from the command to its first words. `npm run types` checks types.
 *
 *     dist/nmc.cjs     the command, one line
 *     dist/data/       digits drawn beforehand
 *     dist/bundle/     each entry as one file, and the code that V8 makes of the command
 *
 * An entry is the command line, and every file that a source names as `new URL('./FILE.js', import.meta.url)`.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const BUNDLE = join(ROOT, 'dist/bundle');
/** Name of a bundle for the address of its own file. */
const HERE = '__here';
/** Call of a bundle to import a package in the newer form of modules: code that was kept cannot do it itself. */
const IMPORT = '__import';
const SOURCES = ['compiler', 'runtime', 'spec'];
const COMMAND = 'runtime/cli/main.ts';
/** The other packages stay where npm puts them: they have native parts or files of their own, or are rarely wanted. */
const INLINE = [
  'ajv',
  'ajv-formats',
  'canonicalize',
  'csv-parse',
  'fflate',
  'onnx-proto',
  'yargs',
  '@noble/curves',
  '@noble/hashes',
  '@observablehq/plot',
];
/** The exit code of a training that went well and learnt too little. */
const CHECK_FAILED = 1;
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
      found.add(entryNamed(file, named));
  return [...found];
}

const entryNamed = (file, named) => outside(join(ROOT, dirname(file), `${named}.ts`));
const nameOf = (entry) => entry.replace(/\.ts$/, '').replaceAll('/', '-');
const bundleOf = (entry) => `${nameOf(entry)}.cjs`;

/** In `dist/bundle/` a source still believes that it lies where it would without a bundle. */
const places = {
  name: 'places',
  setup(building) {
    building.onLoad({ filter: /\.ts$/ }, ({ path }) => {
      const file = outside(path);
      if (file.startsWith('node_modules/')) return undefined;
      const here = `new URL('../${file.replace(/\.ts$/, '.js')}', ${HERE}).href`;
      const contents = readFileSync(path, 'utf8')
        .replace(ENTRY_URL, (_, named) => `new URL('./${bundleOf(entryNamed(file, named))}', ${HERE})`)
        .replace(/\bimport\.meta\.url\b/g, here)
        .replace(/\bawait import\((?='[^.])/g, `await ${IMPORT}(`);
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
    building.onResolve({ filter: /^string-width$/ }, () => ({ path: join(ROOT, '.config/plain-width.mjs') }));
    building.onResolve({ filter: /^[^./]/ }, ({ path, resolveDir }) => {
      const name = path.split('/', path.startsWith('@') ? 2 : 1).join('/');
      const fromSource = !outside(resolveDir).startsWith('node_modules/');
      return fromSource && !INLINE.includes(name) ? { path, external: true } : undefined;
    });
  },
};

const entries = entriesIn(sourceFiles());

rmSync(BUNDLE, { recursive: true, force: true });
await build({
  absWorkingDir: ROOT,
  entryPoints: entries.map((entry) => ({ in: entry, out: nameOf(entry) })),
  outdir: BUNDLE,
  outExtension: { '.js': '.cjs' },
  bundle: true,
  format: 'cjs',
  platform: 'node',
  target: 'node20',
  supported: { 'dynamic-import': true },
  define: { 'import.meta.url': HERE },
  banner: {
    js: `'use strict';
      const ${HERE} = require('node:url').pathToFileURL(__filename).href;
      const ${IMPORT} = require.importModule ?? ((name) => import(name));`,
  },
  sourcemap: 'linked',
  sourcesContent: false,
  logLevel: 'warning',
  plugins: [packages, places],
});
copyFileSync(join(ROOT, '.config/start.cjs'), join(BUNDLE, 'start.cjs'));
for (const folder of SOURCES) rmSync(join(ROOT, 'dist', folder), { recursive: true, force: true });
// Node finds and reads the older form of modules in a tenth of a second less.
writeFileSync(join(ROOT, 'dist/nmc.cjs'), "#!/usr/bin/env node\nrequire('./bundle/start.cjs');\n", { mode: 0o755 });
await drawSheets();
keepCode();

await import('./build-page.mjs');

/** Draws the sheets that `runtime/data/glyphs/built-sheets.ts` looks for. */
async function drawSheets() {
  const { outputFiles } = await build({
    stdin: {
      contents: `export { BUILT_SEED } from './runtime/data/glyphs/built-sheets.ts';
        export { glyphs } from './runtime/data/sources/glyphs.ts';`,
      resolveDir: ROOT,
    },
    bundle: true,
    format: 'esm',
    platform: 'node',
    write: false,
    define: { 'import.meta.url': '"drawn.ts"' },
  });
  const { BUILT_SEED, glyphs } = await import(
    `data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`
  );
  mkdirSync(join(ROOT, 'dist/data'), { recursive: true });
  for (const split of ['train', 'test']) {
    const set = glyphs(split, { seed: BUILT_SEED });
    const images = new Uint8Array(set.length * set.fields[0].shape.reduce((a, b) => a * b));
    set.gather(
      'image',
      Uint32Array.from({ length: set.length }, (_, i) => i),
      images,
    );
    writeFileSync(join(ROOT, `dist/data/glyphs-${split}.bin`), images);
  }
}

/** A small training uses what most commands use; without its code commands start later, and work. */
function keepCode() {
  const out = mkdtempSync(join(tmpdir(), 'nmc-build-'));
  const model = join(ROOT, 'dsl-examples/digits.pcn');
  const settings = ['--limit', '512', '--epochs', '1', '--out', join(out, 'run')];
  const { status } = spawnSync(process.execPath, [join(ROOT, 'dist/nmc.cjs'), 'train', model, ...settings], {
    env: { ...process.env, NMC_KEEP_CODE: '1' },
    stdio: 'ignore',
    timeout: 60_000,
  });
  if (status !== 0 && status !== CHECK_FAILED) console.error('no compiled code kept: commands start a little later');
  rmSync(out, { recursive: true, force: true });
}
