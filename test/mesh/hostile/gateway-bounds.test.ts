/** A gateway whose handlers are slow, answer too much, or throw: the connection it concerns has the damage, no other. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { embeddedBackplane } from '../../../runtime/backplane/embedded.ts';
import { type KeyPair, keyPairFromSeed } from '../../../runtime/identity/ed25519.ts';
import { dial } from '../../../runtime/net/dial.ts';
import { Gateway } from '../../../runtime/net/gateway.ts';
import type { Link } from '../../../runtime/net/link.ts';
import type { Role } from '../../../runtime/wire/handshake.ts';
import { temporaryFolder } from '../../support/nmc.ts';
import { seeded } from '../networked.ts';

const backplane = embeddedBackplane(temporaryFolder());
const server: Server = createServer();
const events: unknown[] = [];
const waiting: (() => void)[] = [];
let statuses = 0;
const gateway = new Gateway({
  keys: keyPairFromSeed(seeded(9)),
  backplane,
  inviteKey: () => undefined,
  refuse: () => undefined,
  mayBe: () => true,
  blobRights: { mayGet: () => true, mayPut: () => true } as never,
  holding: { hold: () => undefined, letGo: () => undefined },
  // All who ask for a blob wait for ever.
  blobBounds: { gets: 0 },
  onMessage: () => {
    throw new Error('a bug');
  },
  onAsk: async (_from, ask) => {
    if (ask.what === 'status') statuses++;
    if (ask.what === 'logs') return 'x'.repeat(2 ** 21);
    if (ask.what === 'run') throw new TypeError('of a folder of somebody');
    if (ask.what === 'stop') await new Promise<void>((resolve) => waiting.push(resolve));
    return {};
  },
  onClosed: () => undefined,
  route: () => undefined,
  log: (event) => events.push(event),
});
const links: Link[] = [];

async function connect(role: Role, keys: KeyPair): Promise<Link> {
  const { port } = server.address() as AddressInfo;
  const link = await dial({ address: { host: '127.0.0.1', port, secure: false }, role, keys });
  links.push(link);
  return link;
}

beforeAll(async () => {
  gateway.attach(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

afterAll(async () => {
  for (const link of links) link.close();
  gateway.close();
  server.close();
  await backplane.close();
});

test('a handler that throws ends its connection, is counted, and is reported to the log', async () => {
  const [bad, other] = [
    await connect('trainer', keyPairFromSeed(seeded(1))),
    await connect('operator', keyPairFromSeed(seeded(2))),
  ];
  bad.send({ type: 'leave' });
  await bad.closed;
  expect(await other.ask({ what: 'status' })).toEqual({});
  expect(gateway.counters.refused.internal).toBe(1);
  expect(events).toContainEqual(expect.objectContaining({ event: 'caught', message: 'a bug' }));
});

test('an answer that fits no message, and the words of a bug, become an error of their question', async () => {
  const link = await connect('operator', keyPairFromSeed(seeded(2)));
  await expect(link.ask({ what: 'logs', run: 'r', from: 1 })).rejects.toMatchObject({ code: 'mesh/too-large' });
  const failed = link.ask({ what: 'run', run: 'r' });
  await expect(failed).rejects.toMatchObject({ code: 'internal', message: 'the mesh could not answer' });
  expect(await link.ask({ what: 'status' })).toEqual({});
});

test('a bounded number of questions of one connection wait for their answers', async () => {
  const link = await connect('operator', keyPairFromSeed(seeded(3)));
  const asked = Array.from({ length: 200 }, () => link.ask({ what: 'stop', run: 'r' }).catch((e: Error) => e));
  await expect.poll(() => gateway.counters.refused['more questions than its share']).toBe(200 - 128);
  expect(waiting).toHaveLength(128);
  for (const answer of waiting) answer();
  const answers = await Promise.all(asked);
  expect(answers.filter((a) => a instanceof Error)).toHaveLength(200 - 128);
  expect(await link.ask({ what: 'status' })).toEqual({});
});

test('waiting requests for blobs do not block other questions', async () => {
  const link = await connect('operator', keyPairFromSeed(seeded(6)));
  for (let i = 0; i < 200; i++) link.ask({ what: 'get', blob: '0'.repeat(64) }).catch(() => undefined);
  expect(await link.ask({ what: 'status' })).toEqual({});
});

test('a long message counts as several, since it costs as much to check', async () => {
  const link = await connect('viewer', keyPairFromSeed(seeded(4)));
  const counted = (): number => gateway.counters.refused['more messages than its share'] ?? 0;
  const before = counted();
  const long = { what: 'status', news: 'x'.repeat(900_000) } as const;
  await link.ask({ what: 'status' });
  expect(counted()).toBe(before);
  await link.ask(long);
  await link.ask(long);
  expect(counted()).toBe(before + 1);
});

test('a connection of a key beyond its share is not read, however many the key opens', async () => {
  const keys = keyPairFromSeed(seeded(5));
  const ask = (link: Link, times: number): Promise<unknown> =>
    Promise.allSettled(Array.from({ length: times }, () => link.ask({ what: 'status' })));
  const counted = (): number => gateway.counters.refused['more messages than its share'] ?? 0;
  const share = counted();
  void ask(await connect('viewer', keys), 1000);
  await expect.poll(counted).toBe(share + 1);
  // What had been read before its share was gone is handled, and charged all the same.
  let before = -1;
  while (before !== statuses) {
    before = statuses;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  for (let i = 0; i < 5; i++) {
    const link = await connect('viewer', keys);
    void ask(link, 20);
    // The answer to a ping comes behind what was sent before it, where that is read.
    await Promise.race([link.ping(), new Promise((resolve) => setTimeout(resolve, 100))]);
  }
  expect(statuses).toBe(before);
});
