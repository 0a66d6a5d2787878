/** Ctrl-C on `nmc up`: trainers of other machines wait, a watched run says that it is suspended, and all go on. */
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { defaultState } from '../../runtime/cli/mesh/state-folder.ts';
import { readKey } from '../../runtime/identity/key-file.ts';
import { keyText } from '../../runtime/identity/key-text.ts';
import { WIRE_VERSION } from '../../runtime/wire/version.ts';
import { writeMachineRecord } from '../support/machine-record.ts';
import { TestMesh } from '../support/mesh.ts';
import { jsonLines, nmc, temporaryFolder, writeTiny } from '../support/nmc.ts';

const folder = temporaryFolder();
const model = writeTiny(folder);
const mesh = new TestMesh(folder);
const children: ChildProcess[] = [];
const onStart = (child: ChildProcess): number => children.push(child);

afterAll(() => {
  mesh.kill();
  for (const child of children) child.kill('SIGKILL');
});

test('a joined trainer and a watched run wait for a mesh that was stopped, and nothing is lost', async () => {
  await mesh.start(0);
  const { port } = new URL(`http://${mesh.up.address}`);
  const config = { NMC_CONFIG: join(folder, 'volunteer') };
  // Neither it nor the other one below measures its machine first.
  writeMachineRecord(config.NMC_CONFIG);
  const volunteer = nmc(['join', mesh.up.address, '--name', 'volunteer', '--json'], {
    ...{ cwd: folder, env: { ...config, NMC_INVITE: mesh.up.invite }, onStart },
  });
  const named = async (): Promise<string[]> => (await mesh.status()).trainers.map((t) => t.name);
  await expect.poll(named, { timeout: 60_000 }).toEqual(['volunteer']);
  const told: string[] = [];
  const epochs = ['--limit', '320', '--epochs', '12', '--snapshot-every', '3'];
  const watch = nmc(['deploy', model, ...epochs, '--watch', '--json', '--mesh', mesh.up.address], {
    ...{ cwd: folder, env: mesh.env, onStart },
    onLine: (line) => told.push((JSON.parse(line) as { event: string }).event),
  });
  await expect.poll(() => told, { timeout: 60_000, interval: 20 }).toContain('epoch');
  expect(await mesh.stop()).toMatchObject({ code: 0 });
  await expect.poll(() => told, { timeout: 30_000, interval: 20 }).toContain('suspended');
  await mesh.start(1, '--port', port);
  const events = jsonLines(await watch);
  expect((await watch).code, (await watch).stderr).toBe(0);
  expect(told.filter((event) => event !== 'epoch')).toEqual(['start', 'suspended', 'back', 'done']);
  expect(events.flatMap((e) => (e.event === 'epoch' ? [e.epoch] : []))).toEqual(
    Array.from({ length: 12 }, (_, i) => i + 1),
  );
  const key = keyText(readKey(join(folder, 'volunteer', 'trainers', 'volunteer', 'key.json')).publicKey);
  const members = async (): Promise<unknown> => (await mesh.status()).trainers;
  await expect.poll(members, { timeout: 30_000 }).toContainEqual(expect.objectContaining({ name: 'volunteer', key }));
  // Whoever lends a machine may look, though nobody has listed the key of this user.
  const looked = await nmc(['status', '--mesh', mesh.up.address, '--json'], { cwd: folder, env: config });
  expect(looked.code, looked.stderr).toBe(0);
  expect(jsonLines(looked)).toMatchObject([{ synchronizer: { wire: WIRE_VERSION } }]);
  // Nor needs the address to be said: this user has joined one mesh.
  const bare = await nmc(['status', '--json'], { cwd: folder, env: { ...config, NMC_MESH: '' } });
  expect(bare.code, bare.stderr).toBe(0);
  expect(jsonLines(bare)).toMatchObject([{ trainers: expect.arrayContaining([expect.objectContaining({ key })]) }]);
  // One of `nmc up` that was asked to leave is not started again.
  await mesh.json('leave', 'trainer-1');
  const other = { NMC_CONFIG: join(folder, 'second') };
  writeMachineRecord(other.NMC_CONFIG);
  const second = nmc(['join', mesh.up.address, '--name', 'volunteer'], {
    ...{ cwd: folder, env: { ...other, NMC_INVITE: mesh.up.invite }, onStart },
  });
  const names = async (): Promise<string[]> => (await mesh.status()).trainers.map((t) => t.name).sort();
  await expect.poll(names, { timeout: 60_000 }).toEqual(['volunteer', 'volunteer-2']);
  children.at(-1)?.kill('SIGKILL');
  const lost = async (): Promise<unknown> => (await mesh.status()).lost;
  await expect.poll(lost, { timeout: 60_000 }).toMatchObject([{ name: 'volunteer-2', why: expect.any(String) }]);
  expect((await second).stdout).toContain('the mesh has another trainer volunteer: this one is volunteer-2 there');
  // With the mesh away, one that holds nothing goes at once.
  expect((await mesh.stop())?.stderr).toContain('trainer-1 has left and is not started again');
  children[0]?.kill('SIGTERM');
  expect(await volunteer).toMatchObject({ code: 0, signal: null });
  const phases = jsonLines(await volunteer).flatMap((e) => (e.event === 'phase' ? [e.state] : []));
  for (const phase of ['training', 'away', 'idle']) expect(phases).toContain(phase);
}, 300_000);

test('the state of a mesh is in the folder that the system has for the state of programs', () => {
  expect(defaultState({ XDG_STATE_HOME: '/srv/state' })).toBe('/srv/state/nmc');
  expect(defaultState({})).toMatch(/\.local\/state\/nmc$/);
});
