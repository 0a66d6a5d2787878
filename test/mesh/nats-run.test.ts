/** A synchronizer whose memory is NATS, with real trainers: the run ends with the weights that one machine reaches. */
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { inviteText } from '../../runtime/cli/mesh/invite-argument.ts';
import { keyPairFromSeed } from '../../runtime/identity/ed25519.ts';
import { ensureKey } from '../../runtime/identity/key-file.ts';
import { keyText } from '../../runtime/identity/key-text.ts';
import { parseAddress } from '../../runtime/net/address.ts';
import { dial } from '../../runtime/net/dial.ts';
import type { MeshStatus } from '../../runtime/net/mesh-status.ts';
import { SynchronizerNode } from '../../runtime/net/synchronizer-node.ts';
import { writeMachineRecord } from '../support/machine-record.ts';
import { weightHashes } from '../support/mesh.ts';
import { makeMesh, openMesh } from '../support/nats/mesh.ts';
import { NatsServer } from '../support/nats/server.ts';
import { nmc, type Outcome, temporaryFolder, writeTiny } from '../support/nmc.ts';
import { waitUntil } from '../support/wait-for.ts';
import { seeded } from './networked.ts';

const folder = temporaryFolder();
const env = { NMC_CONFIG: join(folder, 'config') };
const model = writeTiny(folder, { epochs: 2 });
const LENGTH = ['--limit', '320', '--epochs', '24'];
const server = new NatsServer();
const trainers: ChildProcess[] = [];
let node: SynchronizerNode | undefined;

beforeAll(() => server.start());
afterAll(async () => {
  for (const child of trainers) child.kill('SIGKILL');
  await node?.close();
  await server.remove();
});

test('a run goes through the death of its server, and comes out as on one machine', async () => {
  const mesh = await makeMesh(server);
  const backplane = await openMesh(server, mesh, { patience: { answerMs: 500, giveUpMs: 60_000 } });
  const happened: string[] = [];
  const keys = ensureKey(join(env.NMC_CONFIG, 'key.json'));
  node = await SynchronizerNode.open({
    keys: keyPairFromSeed(seeded(9)),
    ...{ backplane, host: '127.0.0.1', port: 0, onShutdown: () => undefined },
    operator: keyText(keys.publicKey),
    log: (event) => happened.push(JSON.stringify(event)),
  });
  const address = `127.0.0.1:${node.port}`;
  const fingerprint = ['--fingerprint', node.key];
  const joins: Promise<Outcome>[] = [];
  for (const name of ['one', 'two']) {
    const own = { NMC_CONFIG: join(folder, name) };
    writeMachineRecord(own.NMC_CONFIG);
    const args = ['join', address, ...fingerprint, '--name', name, '--json', '--invite', '-'];
    const input = `${inviteText(await node.invite())}\n`;
    joins.push(nmc(args, { cwd: folder, env: own, input, onStart: (child) => trainers.push(child) }));
  }
  const operator = (...args: string[]): Promise<Outcome> =>
    nmc([...args, '--mesh', address, ...fingerprint], { cwd: folder, env });
  const alone = nmc(['train', model, ...LENGTH, '--shards', '2', '--out', 'alone', '--json'], { cwd: folder });
  const link = await dial({ address: parseAddress(address), role: 'operator', keys });
  await waitUntil('two trainers', async () => {
    const { trainers: all } = (await link.ask({ what: 'status' })) as MeshStatus;
    return all.filter(({ state }) => state === 'idle').length === 2;
  });
  link.close();
  const deployed = operator('deploy', model, ...LENGTH, '--partition', '2', '--watch', '--json');
  let over: Outcome | undefined;
  void deployed.then((outcome) => {
    over = outcome;
  });
  await waitUntil('a snapshot', () => {
    if (over) throw new Error(`the deployment has ended: ${over.stdout}${over.stderr}`);
    return happened.some((line) => line.includes('"manifest"'));
  });
  await server.kill();
  await server.start();
  const { code, stdout, stderr } = await deployed;
  expect({ code, stderr }, stdout.slice(-2000)).toMatchObject({ code: 0 });
  const [, run = ''] = /"run":"([^"]+)"/.exec(happened.find((line) => line.includes('"done"')) ?? '') ?? [];
  expect(await operator('fetch', run, '-o', 'fetched')).toMatchObject({ code: 0 });
  const local = await alone;
  expect(local.code, local.stderr).toBe(0);
  expect(weightHashes(join(folder, 'fetched'))).toEqual(weightHashes(join(folder, 'alone')));
  for (const child of trainers) child.kill('SIGINT');
  await Promise.all(joins);
}, 240_000);
