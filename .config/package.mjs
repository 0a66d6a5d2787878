/**
 * Puts the packages that run beside the bundle into `dist/node_modules/`, before `npm pack`, so that the tarball installs
 * in an empty folder without fetching or running anything. They are copied, not bundled, so that what runs is what was
 * tested. What stays out: install scripts, binaries of other platforms, and files that no program reads.
 *
 * `package.json` lists no `dependencies`: npm would fetch a second copy of them, with all platforms (420 MB) and with
 * their install scripts.
 */
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { basename, dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const BUNDLE = join(ROOT, 'dist/bundle');
const TARGET = join(ROOT, 'dist/node_modules');

/** Packages that only an install script needs. */
const UNUSED = { 'onnxruntime-node': ['adm-zip', 'global-agent'] };
const NEVER_READ = /(\.map|\.d\.[cm]?ts|\.md|\.markdown|\.flow|tsconfig\.json|\.tsbuildinfo)$/i;
const NEVER_ENTERED = new Set([
  'test',
  'tests',
  '__tests__',
  'benchmark',
  'benchmarks',
  'docs',
  'example',
  'examples',
  '.github',
]);
const LEGAL = /^(licen[cs]e|notice|copying|thirdparty)/i;

rmSync(TARGET, { recursive: true, force: true });
if (!process.argv.includes('--remove')) {
  for (const folder of closureOf(importsOf(BUNDLE))) copy(folder);
}

/** Names of the packages that the bundles import when they run. */
function importsOf(bundle) {
  const names = new Set();
  for (const file of readdirSync(bundle).filter((name) => name.endsWith('.cjs')))
    for (const [, name] of readFileSync(join(bundle, file), 'utf8').matchAll(
      /\b(?:require|__import)\(["']([^."'][^"']*)["']\)/g,
    ))
      names.add(name.split('/', name.startsWith('@') ? 2 : 1).join('/'));
  return [...names].filter((name) => !name.startsWith('node:') && !builtinModules.includes(name));
}

/** Folders of packages and of all that they depend on, as they lie in `node_modules/`. */
function closureOf(names) {
  const found = new Set();
  const visit = (name, from) => {
    const folder = folderOf(name, from);
    if (folder === undefined || found.has(folder)) return;
    found.add(folder);
    const { dependencies, optionalDependencies } = manifestOf(folder);
    const wanted = Object.keys({ ...dependencies, ...optionalDependencies });
    for (const each of wanted) if (!UNUSED[name]?.includes(each)) visit(each, folder);
  };
  for (const name of names) visit(name, ROOT);
  return found;
}

/** As Node finds it; undefined for an optional package of another platform. */
function folderOf(name, from) {
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name);
    if (existsSync(join(candidate, 'package.json'))) return candidate;
    if (folder === dirname(folder)) return undefined;
  }
}

function manifestOf(folder) {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
}

function copy(folder) {
  const target = join(TARGET, relative(join(ROOT, 'node_modules'), folder));
  cpSync(folder, target, { recursive: true, filter: (source) => isWanted(relative(folder, source)) });
  const { scripts, devDependencies, ...manifest } = manifestOf(folder);
  writeFileSync(join(target, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
}

function isWanted(path) {
  const parts = path.split(sep);
  if (parts.includes('node_modules')) return false;
  if (LEGAL.test(basename(path))) return true;
  return !NEVER_READ.test(path) && !NEVER_ENTERED.has(parts[0]) && !isOfOtherPlatform(parts);
}

/** `darwin-universal/…`, `bin/napi-v6/linux/x64/…` */
function isOfOtherPlatform(parts) {
  const at = parts.findIndex((part) => /^(darwin|linux|win32)\b/.test(part));
  if (at < 0) return false;
  const [platform, arch = parts[at + 1]] = parts[at].split('-');
  if (platform !== process.platform) return true;
  return arch !== undefined && arch !== 'universal' && arch !== process.arch;
}
