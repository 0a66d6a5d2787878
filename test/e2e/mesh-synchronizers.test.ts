/** `nmc up --synchronizers 3 --nats`: one synchronizer is killed while a run trains, then all is stopped and begun again. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectNats } from '../../runtime/backplane/nats-connection.ts';
import type { MeshStatus } from '../../runtime/net/mesh-status.ts';
import { isProcessAlive } from '../../runtime/support/process-alive.ts';
import { signalProcess } from '../support/end-process.ts';
import { TestMesh, weightHashes } from '../support/mesh.ts';
import { jsonLines, nmc, type Outcome, temporaryFolder } from '../support/nmc.ts';
import { ROOT } from '../support/repository.ts';
import { waitFor, waitUntil } from '../support/wait-for.ts';

const folder = temporaryFolder();
const mesh = new TestMesh(folder);
const model = join(ROOT, 'dsl-examples', 'digits.pcn');
const LENGTH = ['--limit', '640', '--epochs', '8'];
/** However fast the machine is, the run is met on its way: its trainers are far from each other. */
const SEVERAL = ['--synchronizers', '3', '--nats', '--accept-older-server', '--delay', '40'];
const APART = ['--partition', '2', '--on', 'trainer-1,trainer-2'];
const ports = join(folder, 'state', 'nats-server', 'ports');
let alone: Promise<Outcome>;

beforeAll(async () => {
  alone = nmc(['train', model, ...LENGTH, '--shards', '2', '--out', 'alone', '--json'], { cwd: folder });
  await mesh.start(2, ...SEVERAL);
}, 180_000);

afterAll(() => mesh.kill());

/** The mesh may be away for a moment. */
const status = async (): Promise<MeshStatus | undefined> => mesh.status().catch(() => undefined);

/** Calls of the newest snapshot; none any more when the run has ended. */
const isBehind = async (calls: number): Promise<boolean> => {
  const [run] = (await status())?.runs ?? [];
  if (run?.state === 'done') throw new Error('the run has ended before it was disturbed');
  return (run?.snapshot ?? 0) > calls;
};

test('a run goes on when its leader is killed, and when the whole mesh is stopped and begun again', async () => {
  const { synchronizers = [] } = mesh.up as { readonly synchronizers?: readonly string[] };
  expect(new Set(synchronizers).size).toBe(3);
  const [, second = ''] = synchronizers;
  // At one that does not have to be the leader.
  const deploy = ['deploy', model, ...LENGTH, ...APART, '--snapshot-every', '5', '--mesh', second, '--json'];
  const deployed = await nmc(deploy, { cwd: folder, env: mesh.env });
  expect(deployed.code, deployed.stderr).toBe(0);
  const run = String(jsonLines(deployed)[0]?.run);
  await waitUntil('a snapshot', () => isBehind(0));

  const leader = async (): Promise<number | undefined> =>
    (await status())?.synchronizers?.find(({ runs }) => runs.includes(run))?.pid;
  const pid = await leader();
  expect(pid).toBeDefined();
  const reached = (await status())?.runs[0]?.snapshot ?? 0;
  signalProcess(pid, 'SIGKILL');
  await waitUntil('another leader', async () => {
    const now = await leader();
    return now !== undefined && now !== pid;
  });
  await waitUntil('a snapshot under it', () => isBehind(reached));

  const server = Number(/_(\d+)\.ports$/.exec(readdirSync(ports)[0] ?? '')?.[1]);
  expect(isProcessAlive(server)).toBe(true);
  const { nats } = JSON.parse(readFileSync(join(ports, readdirSync(ports)[0] ?? ''), 'utf8')) as { nats: string[] };
  // Other users of this machine are not let in.
  await expect(connectNats({ servers: nats })).rejects.toMatchObject({ code: 'nats/credentials' });
  expect(await mesh.stop()).toMatchObject({ code: 0 });
  expect(isProcessAlive(server)).toBe(false);
  // It is not begun as another mesh.
  const other = await nmc(['up', '--state', 'state', '--port', '0'], { cwd: folder, env: mesh.env });
  expect(other).toMatchObject({ code: 3, stderr: expect.stringContaining('start it with --nats') });

  await mesh.start(2, ...SEVERAL);
  const end = async (): Promise<MeshStatus['runs'][number] | undefined> => {
    const [found] = (await status())?.runs ?? [];
    return found?.run === run && found.state === 'done' ? found : undefined;
  };
  const ended = await waitFor('the end of the run', end, { within: 600_000 });
  expect(ended.epochs).toBe(8);
  await mesh.json('fetch', run, '-o', 'fetched');
  // So few samples do not reach what the model promises: its check fails, here as there.
  expect(await alone).toMatchObject({ code: 1 });
  expect(weightHashes(join(folder, 'fetched'))).toEqual(weightHashes(join(folder, 'alone')));
  // It went on from where it was saved, not from a snapshot before that.
  const events = await mesh.json('logs', run);
  expect(events.map(({ event }) => event)).toContain('suspended');
  expect(await mesh.stop()).toMatchObject({ code: 0 });
}, 900_000);

test('several synchronizers need a server, and a folder has one kind of mesh', async () => {
  const without = await nmc(['up', '--synchronizers', '2'], { cwd: folder, env: mesh.env });
  expect(without).toMatchObject({ code: 2, stderr: expect.stringContaining('add --nats') });
  const missing = { ...mesh.env, NMC_NATS_SERVER: join(folder, 'nothing') };
  const none = await nmc(['up', '--nats', '--state', 'none'], { cwd: folder, env: missing });
  expect(none).toMatchObject({ code: 3, stderr: expect.stringContaining('nats/no-server') });
  const program = await nmc(['mesh', 'nats', '--json'], { cwd: folder, env: mesh.env });
  expect(jsonLines(program)).toMatchObject([{ event: 'nats', version: expect.stringMatching(/^\d/) }]);
}, 60_000);
