/** Two synchronizers of one mesh: the leader is killed, the next one stopped for a while; nothing is lost or done twice. */

import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ChainedRecord } from '../../../runtime/backplane/backplane.ts';
import { chainProblem, EMPTY, type Head } from '../../../runtime/backplane/chain.ts';
import { natsBackplane } from '../../../runtime/backplane/nats.ts';
import { weightHashes } from '../../support/mesh.ts';
import { NatsServer } from '../../support/nats/server.ts';
import { NatsMesh } from '../../support/nats/synchronizers.ts';
import { temporaryFolder, writeTiny } from '../../support/nmc.ts';
import { waitFor, waitUntil } from '../../support/wait-for.ts';

const folder = temporaryFolder();
const server = new NatsServer();
const mesh = new NatsMesh(folder, server);
const model = writeTiny(folder, { epochs: 2 });
const LENGTH = ['--limit', '320', '--epochs', '150'];

beforeAll(() => server.start());
afterAll(async () => {
  await mesh.end();
  await server.remove();
});

const other = (name: string): string => (name === 'first' ? 'second' : 'first');

/** Whether the run has come further than that, at the latest to its end. */
const isBehind = async (at: string, snapshot: number): Promise<boolean> => {
  const run = (await mesh.status(at))?.runs[0];
  return run !== undefined && (run.state === 'done' || (run.snapshot ?? -1) > snapshot);
};

test('a run goes on under the next leader, and one that was stopped is refused when it comes back', async () => {
  await mesh.init();
  await mesh.start('first');
  await mesh.start('second');
  await mesh.join('one', 'first');
  await mesh.join('two', 'second');
  const alone = mesh.nmc('train', model, ...LENGTH, '--shards', '2', '--out', 'alone', '--json');
  await waitUntil('two trainers at both gateways', async () => {
    const told = await Promise.all([mesh.status('first'), mesh.status('second')]);
    return told.every((s) => s?.trainers.filter(({ state }) => state === 'idle').length === 2);
  });
  const dead = (await mesh.leader('second')) ?? '';
  // At the one that does not lead.
  const [deployed] = await mesh.json(other(dead), 'deploy', model, ...LENGTH, '--partition', '2');
  const run = String(deployed?.run);
  await waitUntil('a snapshot', () => isBehind(other(dead), 0));

  const reached = (await mesh.status(other(dead)))?.runs[0]?.snapshot ?? 0;
  mesh.signal(dead, 'SIGKILL');
  await mesh.ended(dead);
  await waitUntil('the next leader', async () => (await mesh.leader(other(dead))) === other(dead));
  await waitUntil('a snapshot of its own', () => isBehind(other(dead), reached));

  await mesh.start(dead);
  await waitUntil('the same leader', async () => (await mesh.leader(dead)) === other(dead));
  mesh.signal(other(dead), 'SIGSTOP');
  await waitUntil('a third leader', async () => (await mesh.leader(dead)) === dead);
  mesh.signal(other(dead), 'SIGCONT');
  await waitUntil('it to follow', async () => (await mesh.leader(other(dead))) === dead);

  await waitFor('the end', async () =>
    (await mesh.status(other(dead)))?.runs[0]?.state === 'done' ? true : undefined,
  );
  const logs = await mesh.json(other(dead), 'logs', run);
  expect(logs.flatMap(({ event, reign }) => (event === 'led' ? [Number(reign)] : [])).length).toBeGreaterThanOrEqual(2);
  assertOnce(logs, 'led', 'reign');
  assertOnce(logs, 'epoch', 'epoch');
  assertOnce(logs, 'manifest', 'calls');
  assertOnce(logs, 'epoch-of-owners', 'epoch');
  await assertChained();
  expect(await mesh.run(other(dead), 'fetch', run, '-o', 'fetched')).toMatchObject({ code: 0 });
  expect((await alone).code).toBe(0);
  expect(weightHashes(join(folder, 'fetched'))).toEqual(weightHashes(join(folder, 'alone')));
}, 240_000);

/** Values that grow from one event of this kind to the next: none is there twice. */
function assertOnce(logs: readonly Readonly<Record<string, unknown>>[], event: string, field: string): void {
  const values = logs.flatMap((e) => (e.event === event ? [Number(e[field])] : []));
  expect(values, event).toEqual([...new Set(values)].sort((a, b) => a - b));
}

/** Every stream of the mesh is one chain. */
async function assertChained(): Promise<void> {
  const backplane = await natsBackplane({ servers: [server.url], folder: join(folder, 'look'), acceptOlder: true });
  try {
    for (const stream of await backplane.streams()) {
      let head: Head = EMPTY;
      let records: readonly ChainedRecord[];
      do {
        records = await backplane.chain(stream, head.sequence + 1, 200);
        for (const record of records) {
          expect(chainProblem(stream, record, head), stream).toBeUndefined();
          head = record;
        }
      } while (records.length > 0);
    }
  } finally {
    await backplane.close();
  }
}
