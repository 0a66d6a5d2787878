/** Two synchronizers of one mesh: the leader is killed, the next one stopped for a while; nothing is lost or done twice. */

import { join } from 'node:path';
import { expect, test } from 'vitest';
import { EVERY } from '../../support/every.ts';
import { weightHashes } from '../../support/mesh.ts';
import { natsMesh } from '../../support/nats/synchronizers.ts';
import { assertSameCopies, assertSoundLog } from '../../support/nats/watched-runs.ts';
import { writeTiny } from '../../support/nmc.ts';
import { waitUntil } from '../../support/wait-for.ts';

const { folder, server, mesh } = natsMesh();
const model = writeTiny(folder, { epochs: 2 });
const LENGTH = ['--limit', '320', '--epochs', '150'];

const other = (name: string): string => (name === 'first' ? 'second' : 'first');

/** Whether the run has come further than that, at the latest to its end. */
const isBehind = async (at: string, snapshot: number): Promise<boolean> => {
  const run = (await mesh.status(at))?.runs[0];
  return run !== undefined && (run.state === 'done' || (run.snapshot ?? -1) > snapshot);
};

test.runIf(EVERY)(
  'a run goes on under the next leader, and one that was stopped is refused when it comes back',
  async () => {
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
    const [deployed] = await mesh.json('second', 'deploy', model, ...LENGTH, '--partition', '2');
    const run = String(deployed?.run);
    const dead = (await mesh.leader('second', run)) ?? '';
    await waitUntil('a snapshot', () => isBehind(other(dead), 0));

    const reached = (await mesh.status(other(dead)))?.runs[0]?.snapshot ?? 0;
    mesh.signal(dead, 'SIGKILL');
    await mesh.ended(dead);
    await waitUntil('the next leader', async () => (await mesh.leader(other(dead), run)) === other(dead));
    await waitUntil('a snapshot of its own', () => isBehind(other(dead), reached));

    await mesh.start(dead);
    await waitUntil('the same leader', async () => (await mesh.leader(dead, run)) === other(dead));
    mesh.signal(other(dead), 'SIGSTOP');
    await waitUntil('a third leader', async () => (await mesh.leader(dead, run)) === dead);
    mesh.signal(other(dead), 'SIGCONT');
    await waitUntil('it to follow', async () => (await mesh.leader(other(dead), run)) === dead);

    const isDone = async (): Promise<boolean> => (await mesh.status(other(dead)))?.runs[0]?.state === 'done';
    await waitUntil('the end', isDone, { within: 300_000 });
    const logs = await mesh.json(other(dead), 'logs', run);
    expect(logs.flatMap(({ event, reign }) => (event === 'led' ? [Number(reign)] : [])).length).toBeGreaterThanOrEqual(
      2,
    );
    assertSoundLog(logs);
    const states = ['first', 'second'].map((name) => join(folder, name));
    expect(await assertSameCopies([server.url], states, join(folder, 'look'))).toBeGreaterThan(logs.length);
    expect(await mesh.run(other(dead), 'fetch', run, '-o', 'fetched')).toMatchObject({ code: 0 });
    await assertStretches(run, logs);
    expect((await alone).code).toBe(0);
    expect(weightHashes(join(folder, 'fetched'))).toEqual(weightHashes(join(folder, 'alone')));
  },
  480_000,
);

/** Each synchronizer gives the records of both shards, wherever their trainers are connected. */
async function assertStretches(run: string, logs: readonly Readonly<Record<string, unknown>>[]): Promise<void> {
  const { epoch, calls } = logs.findLast(({ event }) => event === 'running') ?? {};
  for (const at of ['first', 'second'])
    for (const shard of ['0', '1']) {
      const out = join(folder, `${at}-${shard}.rec`);
      const [got] = await mesh.json(at, 'mesh', 'stretch', run, shard, String(epoch), String(calls), '-o', out);
      expect(got).toMatchObject({ event: 'stretch', shard: Number(shard), from: calls });
    }
}
