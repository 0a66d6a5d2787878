/** Runs created at the same moment in one folder: each process looks for what others may have left there, and finds them at work. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { expect, test } from 'vitest';
import { openRun } from '../../../runtime/store/run-folder.ts';
import { CONFIG, temporaryFolder } from './fixtures.ts';

const PROCESSES = 4;
const RUNS = 40;

test(`${PROCESSES} processes create ${RUNS} runs each`, async () => {
  const folder = temporaryFolder();
  const script = join(folder, 'create-child.mjs');
  // Node 20 runs no TypeScript.
  buildSync({
    entryPoints: ['test/unit/store/create-child.ts'],
    outfile: script,
    bundle: true,
    format: 'esm',
    platform: 'node',
    external: ['vitest'],
  });
  const parent = join(folder, 'runs');
  const children = Array.from({ length: PROCESSES }, () => start(script, parent));
  for (const { child } of children) child.stdin?.write('go\n');
  const problems = await Promise.all(children.map(({ ended }) => ended));
  expect(problems.filter((text) => text !== '')).toEqual([]);
  const made = readdirSync(parent);
  expect(made.length).toBe(PROCESSES * RUNS);
  for (const name of made) expect(openRun(join(parent, name)).config.model).toBe(CONFIG.model);
});

function start(script: string, parent: string): { child: ChildProcess; ended: Promise<string> } {
  const child = spawn(process.execPath, [script, parent, String(RUNS)], { stdio: ['pipe', 'ignore', 'pipe'] });
  let text = '';
  child.stderr?.on('data', (part: Buffer) => {
    text += part.toString();
  });
  return { child, ended: once(child, 'exit').then(([code]) => (code === 0 ? '' : `${code}: ${text}`)) };
}
