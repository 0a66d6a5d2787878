/** Servers of NATS that stall, die, answer wrongly or not at all: nothing is doubled, and nothing that was confirmed goes. */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Backplane } from '../../../runtime/backplane/backplane.ts';
import { openBlobStore } from '../../../runtime/backplane/nats-stores.ts';
import { stream } from '../../../spec/random.ts';
import { FaultyLine } from '../../support/nats/faulty-line.ts';
import { lookInto, makeMesh, openMesh } from '../../support/nats/mesh.ts';
import { NatsServer } from '../../support/nats/server.ts';
import { waitFor } from '../../support/wait-for.ts';

const server = new NatsServer();
beforeAll(() => server.start());
afterAll(() => server.remove());

/** `NMC_SEEDS=100` for the long form. */
const SEEDS = Number(process.env.NMC_SEEDS ?? 12);
/** Asks again soon, gives up late: what is tried takes no longer than it has to. */
const QUICK = { patience: { answerMs: 150, giveUpMs: 60_000 } };

/** @returns the value that it came to */
async function countUp(backplane: Backplane, key: string): Promise<number> {
  for (let tried = 0; tried < 1000; tried++) {
    const entry = await backplane.get(key);
    const next = Number(entry?.value ?? 0) + 1;
    if ((await backplane.put(key, String(next), entry?.revision ?? 0)) !== undefined) return next;
  }
  throw new Error('others always came first');
}

/** Without a list of all bytes that differ. */
const same = (found: Uint8Array | undefined, wanted: Uint8Array): boolean => Buffer.from(found ?? []).equals(wanted);

test('a server that stalls delays writes, and none is made twice', async () => {
  const mesh = await makeMesh(server);
  const backplane = await openMesh(server, mesh, QUICK);
  const revision = (await backplane.put('k', 'one', 0)) ?? 0;
  await backplane.append('log', 'first');
  const bytes = new Uint8Array(700_000).fill(7);
  server.signal('SIGSTOP');
  const pending = [
    backplane.put('k', 'two', revision),
    backplane.put('new', 'x', 0),
    backplane.append('log', 'second'),
    backplane.append('log', 'third'),
    backplane.putBlob(bytes),
  ];
  // Each is asked for several times meanwhile: all of it waits in the socket of the server.
  await sleep(1_000);
  server.signal('SIGCONT');
  const [two, made, second, third, hash] = await Promise.all(pending);
  expect([second, third, hash]).toEqual([2, 3, createHash('sha256').update(bytes).digest('hex')]);
  expect(await backplane.get('k')).toEqual({ key: 'k', value: 'two', revision: two });
  expect(await backplane.get('new')).toEqual({ key: 'new', value: 'x', revision: made });
  expect((await backplane.read('log', 1, 9)).map((r) => r.value)).toEqual(['first', 'second', 'third']);
  expect(same(await backplane.getBlob(String(hash)), bytes)).toBe(true);
  const access = await lookInto(server, mesh);
  const { state } = await access.jsm.streams.info(access.names.entryStream, { subjects_filter: '>' });
  expect(Object.values(state.subjects ?? {})).toEqual([2, 1]);
  await access.connection.close();
  await backplane.close();
});

test('servers killed under several writers lose and double nothing', async () => {
  const mesh = await makeMesh(server);
  const writers = await Promise.all([0, 1, 2].map(() => openMesh(server, mesh, QUICK)));
  let ended = false;
  const work = writers.map(async (writer, w) => {
    const numbers: number[] = [];
    for (let i = 0; i < 25; i++) {
      numbers.push(await writer.append('log', `${w}:${i}`));
      await countUp(writer, 'count');
    }
    return numbers;
  });
  const done = Promise.all(work).finally(() => {
    ended = true;
  });
  for (let kills = 0; kills < 3 && !ended; kills++) {
    await sleep(60);
    await server.kill();
    await server.start();
  }
  const numbers = await done;
  const [first] = writers;
  const records = (await first?.read('log', 1, 1000)) ?? [];
  expect(records.map((r) => r.sequence)).toEqual(records.map((_, i) => i + 1));
  const told = numbers.flatMap((own, w) => own.map((number, i) => ({ sequence: number, value: `${w}:${i}` })));
  expect(records).toEqual(told.sort((a, b) => a.sequence - b.sequence));
  expect((await first?.get('count'))?.value).toBe('75');
  await Promise.all(writers.map((w) => w.close()));
});

test('answers that are lost or wrong, and messages that come twice, change nothing, from many seeds', async () => {
  const line = await FaultyLine.before(server.url);
  const mesh = await makeMesh(server);
  const access = { ...QUICK, servers: [line.url] };
  const [a, b] = [await openMesh(server, mesh, access), await openMesh(server, mesh, access)];
  let injected = 0;
  for (let seed = 0; seed < SEEDS; seed++) {
    const numbers = stream(seed, 'faults');
    let drawn = 0;
    const rng = (): number => numbers.uniform(drawn++);
    const fault = (): 'pass' | 'swallow' | 'refuse' => {
      const chance = rng();
      if (chance < 0.3) injected++;
      if (chance < 0.1) return 'swallow';
      return chance < 0.3 ? 'refuse' : 'pass';
    };
    line.faults = { answer: fault, times: () => (rng() < 0.3 ? 2 : 1) };
    const one = async (who: Backplane, w: string): Promise<number[]> => {
      const numbers: number[] = [];
      for (let i = 0; i < 4; i++) {
        numbers.push(await who.append(`log/${seed}`, `${w}${i}`));
        await countUp(who, `count/${seed}`);
      }
      expect(await who.put(`own/${w}/${seed}`, w, 0)).toBeGreaterThan(0);
      return numbers;
    };
    const [left, right] = await Promise.all([one(a, 'a'), one(b, 'b')]);
    line.faults = {};
    const told = [...left.map((n, i) => [n, `a${i}`]), ...right.map((n, i) => [n, `b${i}`])];
    const kept = (await a.read(`log/${seed}`, 1, 99)).map((r) => [r.sequence, r.value]);
    expect(kept, `seed ${seed}`).toEqual(told.sort((x, y) => Number(x[0]) - Number(y[0])));
    expect(kept.map(([n]) => n)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect((await b.get(`count/${seed}`))?.value, `seed ${seed}`).toBe('8');
  }
  expect(injected).toBeGreaterThan(2 * SEEDS);
  // Of a blob, too: of its first piece, then of its description, for which the client throws away all pieces.
  let answers = 0;
  line.faults = { answer: () => ([0, 4].includes(answers++) ? 'refuse' : 'pass') };
  const bytes = Uint8Array.from({ length: 1_200_000 }, (_, i) => i % 249);
  const hash = await a.putBlob(bytes);
  line.faults = {};
  expect(answers).toBeGreaterThan(8);
  expect(same(await b.getBlob(hash), bytes)).toBe(true);
  expect(await a.listBlobs()).toMatchObject([{ hash, bytes: bytes.length }]);
  line.close();
  await Promise.all([a.close(), b.close()]);
});

test('a writer that loses a race is told so, and exactly one removes a key', async () => {
  const mesh = await makeMesh(server);
  const several = await Promise.all([0, 1, 2, 3].map(() => openMesh(server, mesh)));
  const revision = (await several[0]?.put('k', 'v', 0)) ?? 0;
  const removed = await Promise.all(several.map((s) => s.remove('k', revision)));
  expect(removed.filter(Boolean)).toHaveLength(1);
  const made = await Promise.all(several.map((s) => s.put('k', 'again', 0)));
  expect(made.filter((m) => m !== undefined)).toHaveLength(1);
  // The bucket keeps some changes of a key only: it can be made and removed as often as one likes.
  for (let i = 0; i < 12; i++) {
    const entry = await several[1]?.get('k');
    expect(await several[1]?.remove('k', entry?.revision ?? 0)).toBe(true);
    expect(await several[2]?.put('k', 'again', 0)).toBeGreaterThan(0);
  }
  expect(await several[3]?.put('k', 'late', revision)).toBeUndefined();
  await Promise.all(several.map((s) => s.close()));
});

test('a connection that breaks comes back by itself, with its listeners', async () => {
  const line = await FaultyLine.before(server.url);
  const mesh = await makeMesh(server);
  const [near, far] = [await openMesh(server, mesh, { ...QUICK, servers: [line.url] }), await openMesh(server, mesh)];
  const heard: string[] = [];
  near.subscribe('news', (m) => heard.push(m));
  // The server has what was sent before this.
  await near.publish('other', '');
  await far.publish('news', 'one');
  await expect.poll(() => heard).toEqual(['one']);
  line.cut();
  expect(await near.append('log', 'a')).toBe(1);
  await near.publish('other', '');
  await far.publish('news', 'two');
  await expect.poll(() => heard).toEqual(['one', 'two']);
  line.close();
  await Promise.all([near.close(), far.close()]);
});

test('a write while there is no server waits for it, and is not taken for too large', async () => {
  const mesh = await makeMesh(server);
  const backplane = await openMesh(server, mesh, QUICK);
  const access = await lookInto(server, mesh);
  await server.kill();
  // The client has noticed: it knows no server any more.
  await waitFor('a lost connection', () => access.connection.info === undefined || undefined);
  await sleep(100);
  const pending = Promise.all([backplane.put('k', 'one', 0), backplane.append('log', 'first')]);
  await server.start();
  const [revision, number] = await pending;
  expect([await backplane.get('k'), number]).toEqual([{ key: 'k', value: 'one', revision }, 1]);
  await access.connection.close();
  await backplane.close();
});

test('a server that stays away ends every question with the reason, and may come back', async () => {
  const own = await new NatsServer().start();
  try {
    const mesh = await makeMesh(own);
    const backplane = await openMesh(own, mesh, { patience: { answerMs: 100, giveUpMs: 400 } });
    await backplane.put('k', 'v', 0);
    await own.kill();
    const asked = [
      backplane.put('k', 'w', 1),
      backplane.get('k'),
      backplane.append('log', 'x'),
      backplane.putBlob(Uint8Array.of(1)),
      backplane.publish('s', 'm'),
    ];
    for (const each of await Promise.allSettled(asked))
      expect(each).toMatchObject({ status: 'rejected', reason: { code: 'nats/no-answer' } });
    await own.start();
    await expect.poll(() => backplane.get('k').catch(() => undefined), { timeout: 20_000 }).toBeDefined();
    await backplane.close();
  } finally {
    await own.remove();
  }
});

test('a blob whose bytes are gone or wrong in the server is reported as missing, and can be brought again', async () => {
  const mesh = await makeMesh(server);
  const [writer, reader] = [await openMesh(server, mesh, QUICK), await openMesh(server, mesh, QUICK)];
  const damaged: string[] = [];
  reader.onDamagedBlob((hash) => damaged.push(hash));
  const bytes = new Uint8Array(600_000).fill(3);
  const hash = await writer.putBlob(bytes);
  const access = await lookInto(server, mesh);
  const store = await openBlobStore(access);
  const { nuid } = (await store.info(hash)) ?? { nuid: '' };
  await access.jsm.streams.purge(access.names.blobStream, { filter: `$O.${access.names.blobs}.C.${nuid}`, keep: 1 });
  expect(await reader.getBlob(hash)).toBeUndefined();
  expect(await writer.putBlob(bytes)).toBe(hash);
  expect(same(await reader.getBlob(hash), bytes)).toBe(true);
  // Another program has put other bytes under that name.
  const lie = createHash('sha256').update('a').digest('hex');
  await store.putBlob({ name: lie }, Buffer.from('b'));
  expect(await reader.readBlob(lie)).toBeUndefined();
  expect(await reader.hasBlob(lie)).toBe(false);
  expect(damaged).toEqual([hash, lie]);
  await access.connection.close();
  await Promise.all([writer.close(), reader.close()]);
});

test('a stream that was cut back is noticed, and not appended to', async () => {
  const mesh = await makeMesh(server);
  const backplane = await openMesh(server, mesh, { patience: { answerMs: 500, giveUpMs: 300 } });
  for (const value of ['a', 'b', 'c']) await backplane.append('log', value);
  const access = await lookInto(server, mesh);
  const { records, recordStream } = access.names;
  await access.jsm.streams.purge(recordStream, { filter: `${records}.log.3` });
  await access.connection.close();
  await expect(backplane.append('log', 'd')).rejects.toMatchObject({ code: 'nats/lost' });
  await expect(backplane.read('log', 1, 9)).rejects.toMatchObject({ code: 'nats/lost' });
  expect(await backplane.append('other', 'x')).toBe(1);
  await backplane.close();
});

test('messages that do not fit, and a mesh that was never made, are refused with the repair', async () => {
  await expect(openMesh(server, 'never-made')).rejects.toMatchObject({ code: 'nats/not-made' });
  const mesh = await makeMesh(server);
  const backplane = await openMesh(server, mesh);
  const long = 'x'.repeat(1_048_000);
  await expect(backplane.put('k', long, 0)).rejects.toMatchObject({ code: 'nats/too-large' });
  await expect(backplane.append('log', long)).rejects.toMatchObject({ code: 'nats/too-large' });
  const access = await lookInto(server, mesh);
  await access.jsm.streams.update(access.names.recordStream, { max_bytes: 2_000 });
  await backplane.append('log', 'short');
  await expect(backplane.append('log', 'x'.repeat(3_000))).rejects.toMatchObject({ code: 'nats/full' });
  expect(await backplane.read('log', 1, 9)).toEqual([{ sequence: 1, value: 'short' }]);
  await access.connection.close();
  await backplane.close();
});
