/** `npm run accept -- models` takes hours: Ctrl-C keeps every model that was tried. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { bundleProgram } from '../support/bundle-program.ts';
import { temporaryFolder } from '../support/nmc.ts';
import { ROOT } from '../support/repository.ts';
import { waitFor } from '../support/wait-for.ts';

/** A repository whose kept measurements are its own. */
function repository(): string {
  const root = temporaryFolder();
  const parts = ['compiler', 'node_modules', 'package.json', 'runtime', 'spec', 'stdlib', 'test', 'tsconfig.json'];
  for (const part of parts) symlinkSync(join(ROOT, part), join(root, part));
  return root;
}

test('an interrupted measurement exits with 130, and keeps what it has tried', async () => {
  const root = repository();
  const outfile = join(root, 'accept.mjs');
  await bundleProgram(join(ROOT, 'test/acceptance/run.ts'), outfile);
  const kept = join(root, '.cache/acceptance/models.json');
  const tried = (): number => {
    if (!existsSync(kept)) return 0;
    const { tried: all } = JSON.parse(readFileSync(kept, 'utf8')) as { tried: Record<string, number> };
    return Object.values(all).reduce((sum, n) => sum + n, 0);
  };
  const child = spawn(process.execPath, [outfile, 'models', '--trial'], { cwd: root, stdio: 'ignore' });
  await waitFor('model that was tried', () => tried() || undefined, { within: 500_000 });
  child.kill('SIGINT');
  const [code] = await once(child, 'exit');
  expect(code).toBe(130);
  expect(tried()).toBeGreaterThan(0);
}, 600_000);
