/** A database that is damaged, or knows less than it has confirmed, is not a silent beginning from something older. */
import { copyFileSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { embeddedBackplane } from '../../../runtime/backplane/embedded.ts';
import { nmc } from '../../support/nmc.ts';
import { removeFolder } from '../../support/remove-folder.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nmc-state-'));
});
afterEach(() => removeFolder(folder));

const path = (name: string): string => join(folder, name);

/** As a kill leaves it: what it has confirmed is in its log. */
async function killedWith(values: readonly string[]): Promise<void> {
  const first = embeddedBackplane(path('made'));
  for (const [i, value] of values.entries()) await first.put('run/a', value, i);
  for (const name of readdirSync(path('made')))
    if (statSync(path(`made/${name}`)).isFile()) copyFileSync(path(`made/${name}`), path(name));
  await first.close();
}

test('a lost log is noticed, and accepted only with an explicit option', async () => {
  await killedWith(['one', 'two']);
  expect(existsSync(path('state.db-wal'))).toBe(true);
  rmSync(path('state.db-wal'));
  rmSync(path('state.db-shm'), { force: true });
  expect(() => embeddedBackplane(folder)).toThrow(expect.objectContaining({ code: 'mesh/state-older' }));
  const said: string[] = [];
  const accepted = embeddedBackplane(folder, { acceptOlder: true, onOlder: (message) => said.push(message) });
  expect(said).toEqual([expect.stringContaining('is an older state')]);
  await accepted.close();
  await embeddedBackplane(folder).close();
});

test('a damaged log is noticed', async () => {
  await killedWith(['one', 'two', 'three']);
  const size = statSync(path('state.db-wal')).size;
  writeFileSync(path('state.db-wal'), new Uint8Array(size).fill(0x5a));
  rmSync(path('state.db-shm'), { force: true });
  expect(() => embeddedBackplane(folder)).toThrow(expect.objectContaining({ code: 'mesh/state-older' }));
});

test('a copy of the database that was put back is noticed', async () => {
  const first = embeddedBackplane(folder);
  await first.put('run/a', 'one', 0);
  await first.close();
  copyFileSync(path('state.db'), path('copy'));
  const second = embeddedBackplane(folder);
  await second.put('run/a', 'two', 1);
  await second.close();
  copyFileSync(path('copy'), path('state.db'));
  expect(() => embeddedBackplane(folder)).toThrow(expect.objectContaining({ code: 'mesh/state-older' }));
});

test('a kill between a change and its count does not look like a restored copy', async () => {
  await killedWith(['one', 'two']);
  writeFileSync(path('state.count'), '1\n');
  const again = embeddedBackplane(folder);
  expect(await again.get('run/a')).toMatchObject({ value: 'two' });
  await again.close();
});

test('a clean stop leaves nothing in the log', async () => {
  const first = embeddedBackplane(folder);
  await first.put('run/a', 'one', 0);
  expect(statSync(path('state.db-wal')).size).toBeGreaterThan(0);
  await first.close();
  expect(statSync(path('state.db-wal'), { throwIfNoEntry: false })?.size ?? 0).toBe(0);
});

test('garbage is an error with a repair, also on the command line', async () => {
  const first = embeddedBackplane(path('state/backplane'));
  for (let i = 0; i < 50; i++) await first.append('log', 'x'.repeat(4000));
  await first.close();
  const database = path('state/backplane/state.db');
  const { size } = statSync(database);
  writeFileSync(database, new Uint8Array(size).fill(7));
  expect(() => embeddedBackplane(path('state/backplane'))).toThrow(
    expect.objectContaining({ code: 'mesh/state-damaged' }),
  );
  const end = await nmc(['synchronizer', '--listen', '127.0.0.1:0', '--state', 'state', '--json'], {
    cwd: folder,
    env: { NMC_CONFIG: path('config') },
  });
  expect(end.code).toBe(3);
  expect(JSON.parse(end.stdout)).toMatchObject({ event: 'error', code: 'mesh/state-damaged' });
  expect(end.stderr).toContain('restore its folder from a copy');
});

test('a page that is damaged in the middle is found when the database is opened', async () => {
  const first = embeddedBackplane(folder);
  for (let i = 0; i < 50; i++) await first.append('log', 'x'.repeat(1000));
  await first.close();
  const { openSync, writeSync, closeSync } = await import('node:fs');
  const file = openSync(path('state.db'), 'r+');
  writeSync(file, new Uint8Array(4096).fill(0xff), 0, 4096, statSync(path('state.db')).size - 4096 * 3);
  closeSync(file);
  expect(() => embeddedBackplane(folder)).toThrow(expect.objectContaining({ code: 'mesh/state-damaged' }));
});
