/** Two gateways of one mesh: who is excluded at one is out at the other, and borders pass from one to the other. */
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { weightHashes } from '../../support/mesh.ts';
import { natsMesh } from '../../support/nats/synchronizers.ts';
import { jsonLines, writeTiny } from '../../support/nmc.ts';
import { waitUntil } from '../../support/wait-for.ts';

const { folder, mesh } = natsMesh();
const model = writeTiny(folder, { epochs: 2 });
const LENGTH = ['--limit', '320', '--epochs', '4'];
const GATEWAYS = ['first', 'second'] as const;
const addresses = new Map<string, string>();

beforeAll(async () => {
  await mesh.init();
  for (const name of GATEWAYS) addresses.set(name, (await mesh.start(name)).address);
  await mesh.join('one', 'first', '--relay');
  await mesh.join('two', 'second', '--relay');
  await waitUntil('two trainers', async () => (await idle()) === 2);
}, 120_000);

async function idle(): Promise<number> {
  const { trainers = [] } = (await mesh.status('first')) ?? {};
  return trainers.filter(({ state }) => state === 'idle').length;
}

/** Bytes of border packets that this gateway has taken from its trainers. */
async function relayedBy(name: string): Promise<number> {
  const page = await fetch(`http://${addresses.get(name)}/metrics`);
  const [, bytes] = /^nmc_relayed_bytes_total (\d+)$/m.exec(await page.text()) ?? [];
  return Number(bytes);
}

test('trainers that are not to be dialled reach each other through both their gateways', async () => {
  const alone = mesh.nmc('train', model, ...LENGTH, '--shards', '2', '--out', 'alone', '--json');
  const [deployed] = await mesh.json('second', 'deploy', model, ...LENGTH, '--partition', '2');
  const run = String(deployed?.run);
  let direct = 0;
  await waitUntil('the end of the run', async () => {
    const found = (await mesh.status('first'))?.runs.find((r) => r.run === run);
    for (const shard of found?.shards ?? []) direct += shard.direct;
    return found?.state === 'done';
  });
  expect(direct).toBe(0);
  for (const name of GATEWAYS) expect(await relayedBy(name), name).toBeGreaterThan(100_000);
  expect(await mesh.run('first', 'fetch', run, '-o', 'fetched')).toMatchObject({ code: 0 });
  expect((await alone).code).toBe(0);
  expect(weightHashes(join(folder, 'fetched'))).toEqual(weightHashes(join(folder, 'alone')));
}, 180_000);

test('a look at all copies asks the synchronizers that run where theirs end', async () => {
  const looked = await mesh.nmc('mesh', 'verify', '--json', ...mesh.natsArguments(), '--state', join(folder, 'first'));
  expect(looked.code, looked.stderr + looked.stdout).toBe(0);
  expect(jsonLines(looked)[0]).toMatchObject({ others: [{ whole: true }, { whole: true }], differences: [] });
}, 60_000);

test('a key that is revoked at one synchronizer is out at the other, and stays out', async () => {
  const listed = await mesh.status('first');
  const key = String(listed?.trainers.find(({ name }) => name === 'two')?.key);
  await mesh.json('first', 'keys', 'revoke', key);
  await waitUntil('one trainer', async () => (await mesh.status('second'))?.trainers.length === 1);
  expect((await mesh.trainerEnded('two')).stdout).toMatch(/"event":"left".*"reason":"its key/);
  // No invite lets it in again.
  await mesh.join('two', 'second');
  const { code, stderr } = await mesh.trainerEnded('two');
  expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining('mesh/expelled') });
  const again = await mesh.run('second', 'keys', 'list', '--json');
  expect(again.stdout).toMatch(new RegExp(`"key":"${key}"[^}]*"revoked"`));
}, 120_000);

test('a synchronizer with a key of its own is none of this mesh', async () => {
  const state = ['--listen', '127.0.0.1:0', '--state', join(folder, 'stranger')];
  const { code, stderr } = await mesh.nmc('synchronizer', ...state, ...mesh.natsArguments());
  expect({ code, stderr }).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/error\[mesh\/key\].*[\s\S]*key\.json/),
  });
}, 60_000);
