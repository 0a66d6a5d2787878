/** The command line as a process: what a slow reader gets, and words that look like options. */
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { nmc, temporaryFolder } from '../support/nmc.ts';

const folder = temporaryFolder();
const program = join(process.cwd(), 'dist/nmc.cjs');

test('a long output comes through a pipe whole, however slowly it is read', async () => {
  const args = [program, 'show', 'dsl-examples/memory.pcn', 'explicit', '--stage', 'onnx'];
  const file = join(folder, 'whole.txt');
  const into = openSync(file, 'w');
  execFileSync(process.execPath, args, { stdio: ['ignore', into, 'ignore'] });
  closeSync(into);
  const whole = readFileSync(file, 'utf8');
  expect(whole.length).toBeGreaterThan(140_000);

  // The reader begins when the command has long written all that a pipe takes.
  const late = ['-c', '"$0" "$@" | (sleep 2; cat)', process.execPath, ...args];
  const read = execFileSync('sh', late, { encoding: 'utf8', maxBuffer: 1e8, stdio: ['ignore', 'pipe', 'ignore'] });
  expect(read.length).toBe(whole.length);
  expect(read === whole).toBe(true);
});

test('a key may begin with a dash, after an option and on its own', async () => {
  const key = `-${'A'.repeat(41)}E`;
  const env = { NMC_CONFIG: join(folder, 'config') };
  const asOption = await nmc(['status', '--mesh', '127.0.0.1:1', '--fingerprint', key], { cwd: folder, env });
  expect(asOption.stderr).not.toContain('usage');
  const alone = await nmc(['keys', 'allow', key, '--role', 'viewer', '--mesh', '127.0.0.1:1'], { cwd: folder, env });
  expect(alone.stderr).not.toContain('usage');
  expect([asOption.code, alone.code]).toEqual([3, 3]);
});
