/**
 * `nmc keys` and `nmc join` as their users call them: no invite where others read it, and whoever is put out is out.
 */
import type { ChildProcess } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isProcessAlive } from '../../../runtime/support/process-alive.ts';
import { TestMesh } from '../../support/mesh.ts';
import { jsonLines, nmc, type Outcome, temporaryFolder } from '../../support/nmc.ts';

const folder = temporaryFolder();
const mesh = new TestMesh(folder);
const children: ChildProcess[] = [];

beforeAll(() => mesh.start(1), 120_000);
afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
  mesh.kill();
});

/** As another user on another machine: its own keys. */
function joining(
  name: string,
  more: readonly string[],
  input?: string,
): { ended: Promise<Outcome>; key: Promise<string> } {
  const state = join(folder, name);
  let said = (_key: string): void => undefined;
  const key = new Promise<string>((resolve) => {
    said = resolve;
  });
  const args = ['join', mesh.up.address, '--name', name, '--state', state, '--fingerprint', mesh.up.key, '--json'];
  const ended = nmc([...args, '--device', 'reference', ...more], {
    cwd: folder,
    env: { NMC_CONFIG: join(folder, 'guest') },
    ...(input === undefined ? {} : { input }),
    onStart: (child) => children.push(child),
    onLine: (line) => {
      const event = JSON.parse(line) as { event: string; key: string };
      if (event.event === 'join') said(event.key);
    },
  });
  return { ended, key };
}

const namesOf = async (): Promise<string[]> => (await mesh.status()).trainers.map((t) => t.name).sort();

test('nmc keys lists a trainer of nmc up, and other users see no invite in the list of processes', async () => {
  const [list] = await mesh.json('keys', 'list');
  const own = mesh.up.trainers[0]?.key;
  expect(list?.keys).toContainEqual(
    expect.objectContaining({ key: own, role: 'trainer', trainer: 'trainer-1', invite: null }),
  );
  const [id, secret = 'none'] = mesh.up.invite.split('.');
  // One trainer can still come by what `up` has printed: its own did not use it.
  expect(list?.invites).toEqual([expect.objectContaining({ id, uses: 1 })]);
  if (!existsSync('/proc')) return;
  const seen = readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      } catch {
        return '';
      }
    });
  expect(seen.some((line) => line.includes(mesh.up.address))).toBe(true);
  expect(seen.some((line) => line.includes(secret))).toBe(false);
  const pid = mesh.up.trainers[0]?.pid;
  expect(readFileSync(`/proc/${pid}/environ`, 'utf8')).not.toContain(secret);
});

test('an invite comes from standard input or the user’s own file, never from the command line', async () => {
  const [made] = await mesh.json('keys', 'invite', '--uses', '2', '--expires', '1h');
  expect(made).toMatchObject({ event: 'invite', address: mesh.up.address, key: mesh.up.key, uses: 2 });
  const invite = String(made?.invite);
  const literal = await joining('guest', ['--invite', invite]).ended;
  expect(literal.code).toBe(2);
  expect(jsonLines(literal)[0]).toMatchObject({ code: 'mesh/invite' });
  expect(literal.stderr).toContain('--invite -');
  const file = join(folder, 'invite');
  writeFileSync(file, `${invite}\n`);
  chmodSync(file, 0o644);
  if (process.platform !== 'win32') {
    const open = await joining('guest', ['--invite', file]).ended;
    expect(open.code).toBe(3);
    expect(jsonLines(open)[0]).toMatchObject({ code: 'mesh/invite-mode' });
    expect(open.stderr).toContain(`chmod 600 ${file}`);
  }
  chmodSync(file, 0o600);
  const [first, second] = [joining('guest', ['--invite', '-'], `${invite}\n`), joining('friend', ['--invite', file])];
  await expect.poll(namesOf, { timeout: 60_000 }).toEqual(['friend', 'guest', 'trainer-1']);
  const revoked = await mesh.run('keys', 'revoke', await first.key);
  expect(revoked.stdout).toContain('it had no uses left');
  const outcome = await first.ended;
  expect(outcome.code, outcome.stderr).toBe(0);
  expect(jsonLines(outcome).at(-1)).toMatchObject({ event: 'left', reason: 'its key was revoked' });
  expect(await namesOf()).toEqual(['friend', 'trainer-1']);
  const [expires] = await mesh.json('keys', 'expire', await second.key, '--in', '1s');
  expect(expires).toMatchObject({ event: 'expires' });
  expect(jsonLines(await second.ended).at(-1)).toMatchObject({ event: 'left', reason: 'its key has expired' });
}, 120_000);

test('a trainer of nmc up that is revoked ends and stays away, and the last operator stays', async () => {
  const { key = '', pid } = mesh.up.trainers[0] ?? {};
  if (pid === undefined) throw new Error('the trainer has no process');
  await mesh.json('keys', 'revoke', key);
  await expect.poll(namesOf, { timeout: 30_000 }).toEqual([]);
  await expect.poll(() => isProcessAlive(pid), { timeout: 30_000 }).toBe(false);
  const [list] = await mesh.json('keys', 'list');
  const rows = list?.keys as { key: string; role: string; state: string }[];
  expect(rows.find((row) => row.key === key)).toMatchObject({ state: 'revoked', trainer: null });
  const me = rows.find((row) => row.role === 'operator')?.key ?? '';
  const refused = await mesh.run('keys', 'revoke', me, '--json');
  expect(refused.code).toBe(2);
  expect(jsonLines(refused)[0]).toMatchObject({ code: 'keys/last-operator' });
  const stopped = await mesh.stop();
  expect(stopped?.code).toBe(0);
  expect(stopped?.stderr).toContain('trainer-1 does not come back');
}, 120_000);
