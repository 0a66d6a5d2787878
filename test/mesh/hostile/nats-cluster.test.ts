/** Three servers of NATS, each record on all of them: the one that leads is killed, then another is stopped. */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { natsBackplane } from '../../../runtime/backplane/nats.ts';
import { type Cluster, makeMeshOf, startCluster } from '../../support/nats/cluster.ts';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster();
}, 120_000);
afterAll(() => cluster.remove());

test('a leader that is killed or stalls is replaced, and nothing is lost or doubled', async () => {
  const mesh = 'three';
  await makeMeshOf(cluster, mesh);
  const servers = cluster.servers.map((s) => s.url);
  const patience = { answerMs: 500, giveUpMs: 60_000 };
  const folder = join(cluster.servers[0]?.folder ?? '', 'cache');
  const open = (n: number) => natsBackplane({ servers, mesh, folder: `${folder}-${n}`, acceptOlder: true, patience });
  const writers = await Promise.all([open(0), open(1)]);
  const told: { readonly sequence: number; readonly value: string }[] = [];
  const bytes = new Uint8Array(1_000_000).fill(5);
  let counted = 0;
  const writeSome = async (round: string): Promise<void> => {
    const work = writers.map(async (writer, w) => {
      for (let i = 0; i < 10; i++) {
        const value = `${round}:${w}:${i}`;
        told.push({ sequence: await writer.append('log', value), value });
        for (let won: number | undefined; won === undefined; ) {
          const entry = await writer.get('count');
          won = await writer.put('count', String(Number(entry?.value ?? 0) + 1), entry?.revision ?? 0);
        }
        counted++;
      }
    });
    await Promise.all(work);
  };
  await writeSome('before');
  const killed = await cluster.leaderOf(mesh, 'recordStream');
  const whileKilled = Promise.all([writeSome('killed'), writers[0]?.putBlob(bytes)]);
  await killed.kill();
  const [, hash = ''] = await whileKilled;
  await killed.start();
  const stopped = await cluster.leaderOf(mesh, 'entryStream');
  stopped.signal('SIGSTOP');
  try {
    await writeSome('stopped');
  } finally {
    stopped.signal('SIGCONT');
  }
  for (const writer of writers) {
    const kept = await writer.read('log', 1, 1000);
    expect(kept).toEqual([...told].sort((a, b) => a.sequence - b.sequence));
    expect(kept.map((r) => r.sequence)).toEqual(Array.from({ length: counted }, (_, i) => i + 1));
    expect(await writer.get('count')).toMatchObject({ value: String(counted) });
    expect(Buffer.from((await writer.getBlob(hash)) ?? []).equals(bytes)).toBe(true);
  }
  await Promise.all(writers.map((w) => w.close()));
}, 180_000);
