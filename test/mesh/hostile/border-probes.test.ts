/** Trainers that misuse the measuring of the ways between them: strangers, floods, false figures. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { WebSocketServer } from 'ws';
import { embeddedBackplane } from '../../../runtime/backplane/embedded.ts';
import { type KeyPair, keyPairFromSeed } from '../../../runtime/identity/ed25519.ts';
import { keyText } from '../../../runtime/identity/key-text.ts';
import { parseAddress } from '../../../runtime/net/address.ts';
import { dial } from '../../../runtime/net/dial.ts';
import { Gateway } from '../../../runtime/net/gateway.ts';
import type { Link } from '../../../runtime/net/link.ts';
import { messageProblem } from '../../../runtime/wire/message-schema.ts';
import type { Message } from '../../../runtime/wire/messages.ts';
import { encodeProbe, MORE_TO_COME, NOTHING_MORE, PIECE, type ProbePiece } from '../../../runtime/wire/routing.ts';
import { temporaryFolder } from '../../support/nmc.ts';
import { seeded } from '../networked.ts';
import { type ProbedTrainer, probedTrainer, probing } from '../probed-trainers.ts';

const [first, second] = [1, 2]
  .map((n) => keyPairFromSeed(seeded(n)))
  .sort((a, b) => (keyText(a.publicKey) < keyText(b.publicKey) ? -1 : 1)) as [KeyPair, KeyPair];
/** The attacked one: the attacker's key is smaller, so that the first turn is the attacker's. */
const VICTIM = keyText(first.publicKey) === keyText(keyPairFromSeed(seeded(1)).publicKey) ? 2 : 1;
const attacker = { key: keyText(first.publicKey), keys: first };
const NOT_ASKED = 'a probe that was not asked for';
const closing: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  await probing.closeAll();
});

/** The attacker dials the trainer, who was told to measure the way to it. */
async function attack(victim: ProbedTrainer): Promise<{ readonly link: Link; readonly turns: number[] }> {
  const turns: number[] = [];
  victim.measure({ key: attacker.key, borders: { address: '127.0.0.1:1' } });
  const link = await dial({
    address: parseAddress(victim.borders.address),
    ...{ role: 'trainer', keys: attacker.keys, pinned: victim.keys.publicKey, sealed: true },
    onProbe: (packet) => turns.push(packet[2] ?? -1),
  });
  closing.push(() => link.close());
  return { link, turns };
}

function send(link: Link, piece: ProbePiece, bytes = 1000, times = 1): void {
  for (let i = 0; i < times; i++) link.sendBorder(encodeProbe(new Uint8Array(bytes), piece));
}

test('a trainer that the synchronizer has not named is not let in', async () => {
  const victim = await probedTrainer(VICTIM);
  const address = parseAddress(victim.borders.address);
  const trying = dial({ address, role: 'trainer', keys: attacker.keys, pinned: victim.keys.publicKey, sealed: true });
  await expect(trying).rejects.toThrow('not a neighbour');
  expect(victim.borders.refused).toEqual({ 'handshake: not a neighbour': 1 });
});

test('an address where a stranger answers gets no byte of a probe', async () => {
  const victim = await probedTrainer(VICTIM);
  const heard: Buffer[] = [];
  const server = createServer();
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (socket) => socket.on('message', (data: Buffer, isBinary) => isBinary && heard.push(data)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => server.close());
  const { port } = server.address() as AddressInfo;
  const connected = new Promise((resolve) => sockets.once('connection', resolve));
  victim.measure({ key: attacker.key, borders: { address: `127.0.0.1:${port}` } });
  await connected;
  // It says that it is a gateway, and proves nothing.
  for (const socket of sockets.clients) socket.send(JSON.stringify({ v: '3.1', type: 'challenge' }));
  await expect.poll(() => sockets.clients.size).toBe(0);
  expect([heard, victim.all]).toEqual([[], []]);
  for (const socket of sockets.clients) socket.terminate();
  sockets.close();
});

test('trains that are too long, too many or cut too small end the probe without a word to the mesh', async () => {
  const floods: ((link: Link) => void)[] = [
    (link) => send(link, PIECE, 200_000, 12),
    (link) => send(link, PIECE, 38, 200),
  ];
  for (const flood of floods) {
    const victim = await probedTrainer(VICTIM);
    const { link } = await attack(victim);
    flood(link);
    await link.closed;
    expect(victim.borders.refused[NOT_ASKED]).toBeGreaterThan(0);
    expect(victim.all).toEqual([]);
    await expect.poll(() => victim.borders.has(attacker.key)).toBe(false);
    await probing.closeAll();
  }
});

test('an end that never comes to its end is given up after a few turns', async () => {
  const victim = await probedTrainer(VICTIM, undefined, { turns: 3 });
  const { link, turns } = await attack(victim);
  for (let i = 1; i <= 4; i++) {
    send(link, PIECE, 1000, 2);
    send(link, MORE_TO_COME, 0);
    if (i < 4) await expect.poll(() => turns.filter((piece) => piece !== PIECE).length).toBe(i);
  }
  await link.closed;
  expect([victim.all, victim.borders.refused]).toEqual([[], { [NOT_ASKED]: 1 }]);
});

test('bytes out of turn are refused and counted, and many of them end the connection', async () => {
  const victim = await probedTrainer(VICTIM);
  const { link } = await attack(victim);
  send(link, NOTHING_MORE, 0);
  // Its turn is over for good.
  send(link, PIECE, 1000, 40);
  await link.closed;
  expect(victim.borders.refused[NOT_ASKED]).toBeGreaterThanOrEqual(32);
  expect(victim.all).toEqual([]);
});

test('a trainer is not made to measure again and again, nor two ways at once', async () => {
  const victim = await probedTrainer(VICTIM, undefined, { seriesMs: 200, restMs: 60_000 });
  const nowhere = { borders: { address: '127.0.0.1:1' } };
  const other = keyText(second.publicKey) === victim.key ? keyPairFromSeed(seeded(3)) : second;
  const let_in = async (keys: KeyPair): Promise<boolean> => {
    const address = parseAddress(victim.borders.address);
    try {
      const link = await dial({ address, role: 'trainer', keys, pinned: victim.keys.publicKey, sealed: true });
      closing.push(() => link.close());
      return true;
    } catch {
      return false;
    }
  };
  victim.measure({ key: attacker.key, ...nowhere });
  victim.measure({ key: keyText(other.publicKey), ...nowhere });
  expect(await let_in(other)).toBe(false);
  await new Promise((resolve) => setTimeout(resolve, 300));
  victim.measure({ key: attacker.key, ...nowhere });
  expect(await let_in(attacker.keys)).toBe(false);
});

test('figures that are not plausible are refused by the gateway, and end their connection', async () => {
  const heard: Message[] = [];
  const server = createServer();
  const backplane = embeddedBackplane(temporaryFolder());
  const gateway = new Gateway({
    ...{ keys: keyPairFromSeed(seeded(9)), backplane, inviteKey: () => undefined, refuse: () => undefined },
    ...{ mayBe: () => true, blobRights: { mayGet: () => false, mayPut: () => false } },
    holding: { hold: () => undefined, letGo: () => undefined },
    onMessage: (_from, message) => heard.push(message),
    onAsk: async () => ({}),
    ...{ onClosed: () => undefined, route: () => undefined },
  });
  gateway.attach(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(async () => {
    gateway.close();
    server.close();
    await backplane.close();
  });
  const { port } = server.address() as AddressInfo;
  const figures = { type: 'measured', key: attacker.key, sent: 1e6, received: 1e6, roundTrip: 1 } as const;
  const wrong = [{ sent: -1 }, { received: 1e300 }, { roundTrip: 1e9 }, { key: 'x'.repeat(43_000) }, { sent: '9' }];
  for (const one of wrong) {
    const link = await dial({ address: { host: '127.0.0.1', port, secure: false }, role: 'trainer', keys: first });
    link.send({ ...figures, ...one } as Message);
    await link.closed;
  }
  expect(heard).toEqual([]);
  expect(gateway.counters.refused.schema).toBe(wrong.length);
  // What is not a number has no place in JSON: it comes as null.
  const sound = { v: '3.1', seq: 0, ...figures };
  expect(messageProblem(sound)).toBeUndefined();
  expect(messageProblem({ ...sound, sent: null })).toBeDefined();
});
