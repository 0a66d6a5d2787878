/** `nmc synchronizer --nats` as its users run it: what it keeps survives it, and what it cannot use it names. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeCredentials } from '../support/nats/credentials.ts';
import { NatsServer } from '../support/nats/server.ts';
import { natsMesh } from '../support/nats/synchronizers.ts';
import { writeTiny } from '../support/nmc.ts';
import { waitUntil } from '../support/wait-for.ts';

const { folder, server, mesh } = natsMesh();
const model = writeTiny(folder, { epochs: 2 });
const LENGTH = ['--limit', '320', '--epochs', '8'];

const refused = async (...options: string[]) => {
  const state = join(folder, 'refused');
  return mesh.nmc('synchronizer', '--listen', '127.0.0.1:0', '--state', state, ...options);
};

test('servers that it cannot use are named, with the repair', async () => {
  const said = async (code: number, words: RegExp, ...options: string[]): Promise<void> => {
    const { code: exit, stderr } = await refused(...options);
    expect({ exit, stderr }).toMatchObject({ exit: code, stderr: expect.stringMatching(words) });
  };
  await said(3, /error\[nats\/not-made\].*[\s\S]*mesh init --nats/, '--nats', server.url, '--accept-older-server');
  await said(3, /error\[nats\/version\].*2\.14\.0/, '--nats', server.url);
  await said(3, /error\[nats\/unreachable\]/, '--nats', 'nats://127.0.0.1:1');
  await said(2, /error\[usage\/nats\].*--creds/, '--creds', 'mesh.creds');
  const { configuration } = makeCredentials();
  const locked = await new NatsServer({ more: configuration }).start();
  try {
    const other = join(folder, 'other.creds');
    writeFileSync(other, makeCredentials().user, { mode: 0o600 });
    await said(3, /error\[nats\/credentials\]/, '--nats', locked.url, '--accept-older-server', '--creds', other);
  } finally {
    await locked.remove();
  }
}, 60_000);

test('a run goes through the death of its only synchronizer, and comes to its end', async () => {
  await mesh.init();
  const { key } = await mesh.start('first');
  for (const name of ['one', 'two']) await mesh.join(name, 'first');
  await waitUntil('two trainers', async () => {
    const trainers = (await mesh.status('first'))?.trainers ?? [];
    return trainers.filter(({ state }) => state === 'idle').length === 2;
  });
  const [deployed] = await mesh.json('first', 'deploy', model, ...LENGTH, '--partition', '2');
  const run = String(deployed?.run);
  await waitUntil('a snapshot', async () => Boolean((await mesh.status('first'))?.runs[0]?.snapshot));
  mesh.signal('first', 'SIGKILL');
  await mesh.ended('first');
  expect(await mesh.start('first')).toMatchObject({ key });
  await waitUntil('the end', async () => (await mesh.status('first'))?.runs[0]?.state === 'done');
  const logs = await mesh.json('first', 'logs', run);
  expect(logs.filter(({ event }) => event === 'led' || event === 'done')).toMatchObject([
    { reign: 2 },
    { event: 'done' },
  ]);
}, 120_000);
