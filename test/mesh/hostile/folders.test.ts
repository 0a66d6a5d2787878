/** Folders of a mesh are their user's alone, and a trainer's folder is one process's alone. */
import { chmodSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeMachineRecord } from '../../support/machine-record.ts';
import { nmc, temporaryFolder } from '../../support/nmc.ts';

const folder = temporaryFolder();
const env: Record<string, string> = { NMC_CONFIG: join(folder, 'config') };
const stops: (() => void)[] = [];
writeMachineRecord(join(folder, 'config'));
let up: { readonly address: string; readonly key: string; readonly invite: string };

/** @returns its first line of JSON */
function started<T>(...args: string[]): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    nmc([...args, '--json'], {
      cwd: folder,
      env,
      onStart: (child) => stops.push(() => child.kill('SIGKILL')),
      onLine: (line) => resolve(JSON.parse(line) as T),
    }).then((end) => reject(new Error(end.stderr)), reject);
  });
}

beforeAll(async () => {
  // As an older version, or a careless user, has left it.
  mkdirSync(join(folder, 'state'));
  chmodSync(join(folder, 'state'), 0o755);
  up = await started('synchronizer', '--listen', '127.0.0.1:0', '--state', 'state');
});
afterAll(() => {
  for (const stop of stops) stop();
});

const mode = (...path: string[]): number => statSync(join(folder, ...path)).mode & 0o777;

test('a second process on a trainer’s folder is refused at once', async () => {
  env.NMC_INVITE = up.invite;
  const join2 = ['join', up.address, '--name', 'a', '--state', 'trainer', '--fingerprint', up.key];
  const first = await started<{ event: string }>(...join2);
  expect(first.event).toBe('join');
  const second = await nmc([...join2, '--json'], { cwd: folder, env });
  expect(second.code).toBe(2);
  expect(JSON.parse(second.stdout)).toMatchObject({ event: 'error', code: 'trainer/busy' });
  if (process.platform !== 'win32') expect(mode('trainer')).toBe(0o700);
});

test.skipIf(process.platform === 'win32')('only the owner of a mesh’s folder may read it', () => {
  expect(mode('state')).toBe(0o700);
  expect(mode('state', 'backplane')).toBe(0o700);
  expect(mode('state', 'backplane', 'blobs')).toBe(0o700);
});
