/** Streams in a real server that were cut, changed or replaced past the mesh, or lost with its power: all of it is found. */
import { cpSync, existsSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { headers } from '@nats-io/transport-node';
import Database from 'libsql';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Backplane } from '../../../runtime/backplane/backplane.ts';
import { chained } from '../../../runtime/backplane/chain.ts';
import { embeddedBackplane } from '../../../runtime/backplane/embedded.ts';
import { type FollowedBackplane, followed } from '../../../runtime/backplane/followed.ts';
import type { NatsAccess } from '../../../runtime/backplane/nats-connection.ts';
import { makeStores } from '../../../runtime/backplane/nats-stores.ts';
import { openStreamCopy } from '../../../runtime/backplane/stream-copy.ts';
import { stream as numbersOf } from '../../../spec/random.ts';
import { FaultyLine } from '../../support/nats/faulty-line.ts';
import { lookInto, makeMesh, natsArguments, openMesh } from '../../support/nats/mesh.ts';
import { NatsServer } from '../../support/nats/server.ts';
import { jsonLines, nmc, temporaryFolder } from '../../support/nmc.ts';

const folder = temporaryFolder();
const server = new NatsServer();
beforeAll(() => server.start());
afterAll(() => server.remove());

/** `NMC_SEEDS=100` for the long form. */
const SEEDS = Number(process.env.NMC_SEEDS ?? 5);
const PATIENT = { patience: { answerMs: 500, giveUpMs: 30_000 } };
/** Where a loss is known, the store is asked for so long whether it comes back. */
const SHORT = { patience: { answerMs: 500, giveUpMs: 1_500 } };

interface Opened {
  readonly backplane: FollowedBackplane;
  readonly broken: string[];
}

async function open(at: NatsServer, mesh: string, name: string, options = {}): Promise<Opened> {
  const broken: string[] = [];
  const backplane = followed(await openMesh(at, mesh, { ...PATIENT, ...options }), {
    copy: openStreamCopy(join(folder, mesh, name)),
    onBroken: ({ code }) => broken.push(code),
    pause: async () => undefined,
  });
  return { backplane, broken };
}

/** Another record in the place of the last one, with the hash that belongs to it. */
async function replaceLast(access: NatsAccess, stream: string, last: number): Promise<void> {
  const { recordStream, records } = access.names;
  const subject = `${records}.${stream}`;
  const before = await access.jsm.streams.getMessage(recordStream, { last_by_subj: `${subject}.${last - 1}` });
  await access.jsm.streams.purge(recordStream, { filter: `${subject}.${last}` });
  const head = { sequence: last - 1, hash: before?.header.get('Nmc-Hash') ?? '' };
  const record = chained(stream, head, 'another');
  const told = headers();
  told.set('Nmc-Previous', record.previous);
  told.set('Nmc-Hash', record.hash);
  await access.js.publish(`${subject}.${last}`, record.value, { headers: told });
}

const HAPPENED: Readonly<Record<string, (access: NatsAccess) => Promise<unknown>>> = {
  'lost its last record': ({ jsm, names }) =>
    jsm.streams.purge(names.recordStream, { filter: `${names.records}.log.4` }),
  'lost a record in its middle': ({ jsm, names }) =>
    jsm.streams.purge(names.recordStream, { filter: `${names.records}.log.2` }),
  'lost its first record': ({ jsm, names }) =>
    jsm.streams.purge(names.recordStream, { filter: `${names.records}.log.1` }),
  'got another last record': (access) => replaceLast(access, 'log', 4),
  'was purged': ({ jsm, names }) => jsm.streams.purge(names.recordStream),
  'was deleted and made again': async (access) => {
    await access.jsm.streams.delete(access.names.recordStream);
    await makeStores(access, { replicas: 1 });
  },
};

test.each(Object.keys(HAPPENED))(
  'a stream that %s is found by the next synchronizer, and takes no more',
  async (what) => {
    const mesh = await makeMesh(server);
    const first = await open(server, mesh, 'copy');
    for (const value of ['a', 'b', 'c', 'd']) await first.backplane.append('log', value);
    await first.backplane.append('sound', 'x');
    await first.backplane.close();
    const access = await lookInto(server, mesh);
    await HAPPENED[what]?.(access);
    const { backplane, broken } = await open(server, mesh, 'copy', /middle/.test(what) ? SHORT : PATIENT);
    await backplane.copied();
    const { messages } = (await access.jsm.streams.info(access.names.recordStream)).state;
    await expect(backplane.append('log', 'e')).rejects.toMatchObject({ code: expect.stringMatching(/^chain\//) });
    expect((await access.jsm.streams.info(access.names.recordStream)).state.messages).toBe(messages);
    expect(new Set(broken.map((code) => code.slice(0, 6)))).toEqual(new Set(['chain/']));
    if (!/purged|again/.test(what)) expect(await backplane.append('sound', 'y')).toBe(2);
    await backplane.close();
    const copy = openStreamCopy(join(folder, mesh, 'copy'));
    expect((await copy.chain('log', 1, 9)).map((r) => r.value)).toEqual(['a', 'b', 'c', 'd']);
    copy.close();
    await access.connection.close();
  },
);

test('the command says what differs, with exit code 1, until the store is accepted', async () => {
  const mesh = await makeMesh(server);
  const state = join(folder, mesh);
  const { backplane } = await open(server, mesh, 'nats');
  for (const value of ['a', 'b', 'c']) await backplane.append('log', value);
  await backplane.close();
  const verify = (...more: string[]) =>
    nmc(['mesh', 'verify', '--state', state, ...natsArguments([server], '--name', mesh), ...more], { cwd: folder });
  const same = await verify();
  expect(same).toMatchObject({ code: 0, stdout: 'the same in nats and copy: 1 streams, 3 records\n' });
  const access = await lookInto(server, mesh);
  await replaceLast(access, 'log', 3);
  await access.connection.close();
  const found = await verify('--json');
  const told = 'record 3 is not the same in all copies';
  expect(found.code).toBe(1);
  expect(jsonLines(found)[0]).toMatchObject({ differences: [{ stream: 'log', code: 'chain/differs', told }] });
  expect(await verify('--accept', 'log')).toMatchObject({ code: 0 });
  const here = join(folder, 'embedded');
  const embedded = embeddedBackplane(join(here, 'backplane'));
  for (const value of ['a', 'b']) await embedded.append('log', value);
  await embedded.close();
  const database = new Database(join(here, 'backplane', 'state.db'));
  database.exec("UPDATE record SET value = 'x' WHERE sequence = 1");
  database.close();
  const changed = await nmc(['mesh', 'verify', '--state', here], { cwd: folder });
  expect(changed).toMatchObject({
    code: 1,
    stdout: expect.stringMatching(/^differs {2}log: record 1 does not have its hash \(embedded\)\n/),
  });
  const none = await nmc(['mesh', 'verify', '--state', join(folder, 'nothing')], { cwd: folder });
  expect(none).toMatchObject({ code: 2, stderr: expect.stringContaining('mesh/no-state') });
});

/** Bytes of each file below a folder. */
function sizesOf(below: string): Map<string, number> {
  const files = readdirSync(below, { recursive: true, withFileTypes: true }).filter((f) => f.isFile());
  return new Map(files.map((f) => [join(f.parentPath, f.name), statSync(join(f.parentPath, f.name)).size]));
}

/** What was written since is lost with the power; what is no longer there comes back. */
function cutPower(below: string, flushed: ReadonlyMap<string, number>, kept: string): void {
  for (const [path, size] of sizesOf(below)) {
    const then = flushed.get(path);
    // An index is made from the blocks where it does not fit to them.
    if (then === undefined || path.endsWith('index.db')) rmSync(path);
    else if (size > then) truncateSync(path, then);
  }
  for (const path of flushed.keys())
    if (!existsSync(path) && !path.endsWith('index.db')) cpSync(path.replace(below, kept), path);
}

test.each(['always', '2m'])(
  'of a power cut with sync_interval %s it is said what is lost',
  async (sync) => {
    const own = await new NatsServer({ sync }).start();
    try {
      const mesh = await makeMesh(own);
      const state = join(own.folder, 'state');
      const kept = join(own.folder, 'kept');
      const before = await open(own, mesh, sync, sync === 'always' ? PATIENT : SHORT);
      for (let i = 1; i <= 10; i++) await before.backplane.append('log', `${i}`);
      // Ended in order, a server has flushed all.
      own.signal('SIGTERM');
      await own.ended();
      await own.start();
      cpSync(state, kept, { recursive: true });
      let flushed = sizesOf(state);
      for (let i = 11; i <= 20; i++) {
        await before.backplane.append('log', `${i}`);
        if (sync === 'always') flushed = sizesOf(state);
      }
      await before.backplane.copied();
      const unconfirmed = [0, 1, 2].map(() => before.backplane.append('log', 'unconfirmed').catch(() => 0));
      await own.kill();
      cutPower(state, flushed, kept);
      await own.start();
      await Promise.all(unconfirmed);
      await before.backplane.close();
      const after = await open(own, mesh, sync);
      await after.backplane.copied();
      const confirmed = (await openAlone(own, mesh)).slice(0, 20);
      if (sync === 'always') {
        expect(confirmed).toEqual(Array.from({ length: 20 }, (_, i) => `${i + 1}`));
        expect(after.broken).toEqual([]);
        expect(await after.backplane.append('log', 'next')).toBeGreaterThan(20);
      } else {
        expect(confirmed.length).toBeLessThan(20);
        expect([...before.broken, ...after.broken]).toEqual(['chain/behind']);
        await expect(after.backplane.append('log', 'next')).rejects.toMatchObject({ code: 'chain/behind' });
      }
      await after.backplane.close();
    } finally {
      await own.remove();
    }
  },
  60_000,
);

/** Values of the stream, as they lie there. */
async function openAlone(at: NatsServer, mesh: string): Promise<string[]> {
  const alone = await openMesh(at, mesh, PATIENT);
  const records = await alone.read('log', 1, 99);
  await alone.close();
  return records.map((r) => r.value);
}

async function countUp(backplane: Backplane, key: string): Promise<void> {
  for (let won: number | undefined; won === undefined; ) {
    const entry = await backplane.get(key);
    won = await backplane.put(key, String(Number(entry?.value ?? 0) + 1), entry?.revision ?? 0);
  }
}

test('lost, wrong and stale answers break no stream, and every copy has all of it, from many seeds', async () => {
  const line = await FaultyLine.before(server.url);
  const mesh = await makeMesh(server);
  const patience = { patience: { answerMs: 150, giveUpMs: 60_000 }, servers: [line.url] };
  const both = [await open(server, mesh, 'a', patience), await open(server, mesh, 'b', patience)];
  let asked = 0;
  for (let seed = 0; seed < SEEDS; seed++) {
    const numbers = numbersOf(seed, 'faults');
    let drawn = 0;
    const chance = (): number => numbers.uniform(drawn++);
    line.faults = {
      answer: () => (chance() < 0.1 ? 'swallow' : chance() < 0.2 ? 'refuse' : 'pass'),
      stale: () => {
        asked++;
        return chance() < 0.25;
      },
      times: () => (chance() < 0.3 ? 2 : 1),
    };
    const counting = both.map(async ({ backplane }) => {
      for (let i = 0; i < 3; i++) await countUp(backplane, `count/${seed}`);
    });
    const told = await Promise.all(
      both.flatMap(({ backplane }, w) =>
        [0, 1, 2].map(async (i) => [await backplane.append(`log/${seed}`, `${w}${i}`), `${w}${i}`] as const),
      ),
    );
    await Promise.all(counting);
    line.faults = {};
    expect((await both[1]?.backplane.get(`count/${seed}`))?.value, `seed ${seed}`).toBe('6');
    const kept = told.sort(([a], [b]) => a - b).map(([sequence, value]) => ({ sequence, value }));
    expect(await both[0]?.backplane.read(`log/${seed}`, 1, 99), `seed ${seed}`).toEqual(kept);
  }
  expect(asked).toBeGreaterThan(10 * SEEDS);
  for (const { backplane, broken } of both) {
    await backplane.append('last', 'x');
    await backplane.copied();
    expect(broken).toEqual([]);
    await backplane.close();
  }
  line.close();
  for (const name of ['a', 'b']) {
    const { backplane } = await open(server, mesh, name);
    await backplane.copied();
    await backplane.close();
    const copy = openStreamCopy(join(folder, mesh, name));
    for (let seed = 0; seed < SEEDS; seed++) expect(copy.head(`log/${seed}`).sequence).toBe(6);
    copy.close();
  }
}, 600_000);

test('a change that a stale answer hides is not told as lost', async () => {
  const line = await FaultyLine.before(server.url);
  const mesh = await makeMesh(server);
  const patience = { patience: { answerMs: 300, giveUpMs: 60_000 }, servers: [line.url] };
  const backplane = await openMesh(server, mesh, patience);
  const [sent, confirmed, looks] = [[0, 1], ['swallow'], [true, false]] as [number[], 'swallow'[], boolean[]];
  line.faults = {
    times: () => sent.shift() ?? 1,
    answer: () => confirmed.shift() ?? 'pass',
    stale: () => looks.shift() ?? false,
  };
  const revision = await backplane.put('k', 'mine', 0);
  expect(looks).toEqual([]);
  line.faults = {};
  expect(await backplane.get('k')).toEqual({ key: 'k', value: 'mine', revision });
  line.close();
  await backplane.close();
});
