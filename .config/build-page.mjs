/** Builds `dist/browser/`: a page that trains a compiled plan with the browser's WebGPU. Serve it with a plan beside it. */
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const out = join(ROOT, 'dist/browser');

mkdirSync(out, { recursive: true });
await build({
  absWorkingDir: ROOT,
  entryPoints: [{ in: 'runtime/cli/training/page.ts', out: 'page' }],
  outdir: out,
  bundle: true,
  format: 'esm',
  platform: 'browser',
  target: 'es2022',
  alias: { 'node:os': './runtime/browser/machine.ts' },
  logLevel: 'warning',
});
copyFileSync(join(ROOT, 'runtime/browser/page.html'), join(out, 'index.html'));
