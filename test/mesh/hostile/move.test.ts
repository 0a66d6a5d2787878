/**
 * A mesh moves into a real server of NATS and back, and its mover is killed in the middle: nothing is lost, added or
 * changed. NMC_TEST_KILLS=50 is the long form.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Backplane } from '../../../runtime/backplane/backplane.ts';
import { type Digest, digestOf } from '../../../runtime/backplane/copy-mesh.ts';
import { embeddedBackplane } from '../../../runtime/backplane/embedded.ts';
import { moveMesh } from '../../../runtime/backplane/move-mesh.ts';
import { assertPlace, assertStays, beginMove, type Place, placeOf } from '../../../runtime/backplane/place.ts';
import { answerPresence } from '../../../runtime/backplane/presence.ts';
import { Membership } from '../../../runtime/net/membership.ts';
import { seeded } from '../../fuzz/mutate.ts';
import { bundleProgram } from '../../support/bundle-program.ts';
import { makeMesh, natsArguments, openMesh } from '../../support/nats/mesh.ts';
import { NatsServer } from '../../support/nats/server.ts';
import { jsonLines, nmc, type Outcome, temporaryFolder } from '../../support/nmc.ts';
import { ROOT } from '../../support/repository.ts';

const KILLS = Number(process.env.NMC_TEST_KILLS ?? 3);
const folder = temporaryFolder();
const program = join(ROOT, '.cache', `move-child-${process.pid}.mjs`);
const preload = `--import=${pathToFileURL(join(ROOT, 'test/support/die-at-write.mjs'))}`;
const server = new NatsServer();
const rng = seeded(7);

beforeAll(async () => {
  await server.start();
  mkdirSync(join(ROOT, '.cache'), { recursive: true });
  const entry = join(ROOT, 'test/mesh/hostile/move-child.ts');
  await bundleProgram(entry, program);
});
afterAll(async () => {
  rmSync(program, { force: true });
  await server.remove();
});

/** Keys, invites, one that was revoked, a run, logs of which one begins later, blobs. */
async function fill(backplane: Backplane): Promise<Digest> {
  const members = await Membership.open(backplane);
  const [operator, trainer] = ['a', 'b'].map((letter) => letter.repeat(43)) as [string, string];
  await members.allow(operator, 'operator', 'start');
  await members.allow(trainer, 'trainer', operator);
  await members.invite();
  await members.revoke(trainer);
  await backplane.put('run/digits', '{"deployment":{}}', 0);
  for (let i = 0; i < 70; i++) await backplane.append('log/digits', `{"event":${i}}`);
  for (let i = 0; i < 5; i++) await backplane.append('event/digits', `B${i}`);
  await backplane.trim('event/digits', 4);
  for (const bytes of [10, 5_000, 700_000]) await backplane.putBlob(new Uint8Array(bytes).fill(bytes % 251));
  return digestOf(backplane);
}

const env = { NMC_CONFIG: join(folder, 'config') };

/** `nmc mesh move` as its users give it. */
function command(state: string, mesh: string, ...more: string[]): Promise<Outcome> {
  const nats = natsArguments([server], '--name', mesh);
  return nmc(['mesh', 'move', '--state', state, ...nats, ...more], { cwd: folder, env });
}

interface End {
  readonly signal: NodeJS.Signals | null;
  readonly code: number | null;
  readonly said: string;
}

function moved(state: string, to: Place, mesh: string, call: number, change: number): Promise<End> {
  const child = spawn(process.execPath, [program, state, to, server.url, mesh, String(call)], {
    env: { ...process.env, NODE_OPTIONS: preload, NMC_TEST_DIE_AT: String(change) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, said }));
  });
}

async function untilMoved(state: string, to: Place, mesh: string, kills: number): Promise<Digest> {
  let killed = 0;
  for (let round = 0; round < 10 * (kills + 1); round++) {
    // Every third one in a change to a file, the others at a call; some come to the end before.
    const atFile = round % 3 === 2;
    const at = killed < kills ? 1 + Math.floor((atFile ? 25 : 70) * rng()) : 0;
    const { signal, code, said } = await moved(state, to, mesh, atFile ? 0 : at, atFile ? at : 0);
    if (signal === 'SIGKILL') killed++;
    else {
      expect(code, said).toBe(0);
      return JSON.parse(said) as Digest;
    }
  }
  throw new Error('it was never moved');
}

test(`a mesh that is moved there and back, with kill -9 in between, is the same`, async () => {
  let kills = 0;
  for (let round = 0; kills < KILLS; round++) {
    const state = join(folder, `state-${round}`);
    const before = embeddedBackplane(join(state, 'backplane'));
    const digest = await fill(before);
    await before.close();
    const mesh = await makeMesh(server);
    const each = Math.min(KILLS - kills, 3);
    kills += each;
    const there = await untilMoved(state, 'nats', mesh, Math.ceil(each / 2));
    expect({ ...there, calls: 0 }).toEqual({ ...digest, calls: 0 });
    expect(placeOf(state)).toBe('nats');
    expect(() => assertPlace(state, 'embedded')).toThrow(/kept in NATS/);
    const nats = await openMesh(server, mesh);
    await assertStays(nats);
    expect(await digestOf(nats)).toEqual(digest);
    expect(await nats.append('log/digits', 'on')).toBe(71);
    const after = await digestOf(nats);
    await nats.close();
    const back = await untilMoved(state, 'embedded', mesh, Math.floor(each / 2));
    expect({ ...back, calls: 0 }).toEqual({ ...after, calls: 0 });
    assertPlace(state, 'embedded');
    const embedded = embeddedBackplane(join(state, 'backplane'));
    expect(await digestOf(embedded)).toEqual(after);
    expect((await Membership.open(embedded)).openInvites()).toHaveLength(1);
    await embedded.close();
    const left = await openMesh(server, mesh);
    await expect(assertStays(left)).rejects.toMatchObject({ code: 'mesh/moved' });
    await left.close();
    expect(readdirSync(state).filter((name) => /^move/.test(name))).toEqual([]);
  }
}, 600_000);

test('a mesh is not moved while a synchronizer runs on it, nor onto another mesh', async () => {
  const state = join(folder, 'held');
  const embedded = embeddedBackplane(join(state, 'backplane'));
  const digest = await fill(embedded);
  await embedded.close();
  const mesh = await makeMesh(server);
  const options = {
    ...{ state, to: 'nats' as const, embeddedFolder: 'backplane', moved: () => undefined, waitMs: 150 },
    openEmbedded: (own: string) => embeddedBackplane(own),
    openNats: (_: string) => openMesh(server, mesh),
  };
  const other = await openMesh(server, mesh);
  const end = answerPresence(other);
  await expect(moveMesh(options)).rejects.toMatchObject({ code: 'mesh/busy' });
  end();
  await other.put('run/other', '{}', 0);
  await expect(moveMesh(options)).rejects.toMatchObject({ code: 'mesh/not-empty' });
  assertPlace(state, 'embedded');
  beginMove(state, 'nats');
  expect(() => assertPlace(state, 'embedded')).toThrow(/was begun/);
  await other.remove('run/other', (await other.get('run/other'))?.revision ?? 0);
  await other.close();
  const move = (...more: string[]) => command(state, mesh, ...more);
  expect(await move('--to', 'embedded')).toMatchObject({ code: 2, stderr: expect.stringContaining('mesh/moving') });
  const done = await move('--to', 'nats', '--json');
  expect(jsonLines(done)[0]).toMatchObject({ event: 'moved', to: 'nats', sha256: digest.sha256 });
  expect(existsSync(join(state, 'backplane'))).toBe(false);
  // It was killed when it had ended its work, or so its user thinks.
  expect(await moveMesh(options)).toEqual(digest);
  const started = await nmc(['synchronizer', '--listen', '127.0.0.1:0', '--state', state], { cwd: folder, env });
  expect(started).toMatchObject({ code: 2, stderr: expect.stringContaining('mesh/moved') });
}, 60_000);

/** Begun and killed, at a call of a backplane at which some of the mesh is on its way. */
async function killedMove(state: string, to: Place, mesh: string): Promise<void> {
  expect((await moved(state, to, mesh, 40, 0)).signal).toBe('SIGKILL');
}

test('a move that was begun and given up leaves the mesh where it was, both ways', async () => {
  const state = join(folder, 'given-up');
  const embedded = embeddedBackplane(join(state, 'backplane'));
  const digest = await fill(embedded);
  await embedded.close();
  const mesh = await makeMesh(server);
  const giveUp = () => command(state, mesh, '--give-up', '--json');
  expect(await giveUp()).toMatchObject({ code: 2, stderr: expect.stringContaining('mesh/not-moving') });
  await killedMove(state, 'nats', mesh);
  expect(() => assertPlace(state, 'embedded')).toThrow(/was begun/);
  expect(jsonLines(await giveUp())).toEqual([{ event: 'given-up', place: 'embedded' }]);
  assertPlace(state, 'embedded');
  const nats = await openMesh(server, mesh);
  expect([await nats.list(''), await nats.streams(), await nats.listBlobs()]).toEqual([[], [], []]);
  const stays = embeddedBackplane(join(state, 'backplane'));
  expect(await digestOf(stays)).toEqual(digest);
  await stays.append('log/digits', 'on');
  const after = await digestOf(stays);
  await stays.close();

  expect((await command(state, mesh, '--to', 'nats', '--json')).code).toBe(0);
  expect(await giveUp()).toMatchObject({ code: 2, stderr: expect.stringContaining('mesh/not-moving') });
  await killedMove(state, 'embedded', mesh);
  await expect(assertStays(nats)).rejects.toMatchObject({ code: 'mesh/moving' });
  expect(jsonLines(await giveUp())).toEqual([{ event: 'given-up', place: 'nats' }]);
  await assertStays(nats);
  expect(await digestOf(nats)).toEqual(after);
  expect(existsSync(join(state, 'backplane'))).toBe(false);
  await nats.close();
  expect(jsonLines(await command(state, mesh, '--to', 'embedded', '--json'))[0]).toMatchObject({
    sha256: after.sha256,
  });
}, 120_000);
