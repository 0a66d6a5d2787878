/** Borders straight between trainers, on real sockets: who is let in, what is taken, and what becomes of the others. */
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import type { Neighbour } from '../../runtime/driver/ports.ts';
import { type KeyPair, keyPairFromSeed } from '../../runtime/identity/ed25519.ts';
import { keyText } from '../../runtime/identity/key-text.ts';
import { parseAddress } from '../../runtime/net/address.ts';
import { dial } from '../../runtime/net/dial.ts';
import { DirectBorders, type DirectOptions } from '../../runtime/net/direct.ts';
import type { Frame } from '../../runtime/training/frame.ts';
import { listenOf, newEphemeral, signExchange, withListen } from '../../runtime/wire/border-keys.ts';
import { hello, prove, type Role } from '../../runtime/wire/handshake.ts';
import { encodeBorderHead } from '../../runtime/wire/routing.ts';
import { ends as channelEnds, frameOf, seeded } from './networked.ts';

// The one of the smaller key dials.
const [low, high] = [1, 2].map((n) => keyPairFromSeed(seeded(n))).sort((a, b) => (text(a) < text(b) ? -1 : 1)) as [
  KeyPair,
  KeyPair,
];
const stranger = keyPairFromSeed(seeded(3));
const ends: DirectBorders[] = [];

function text(pair: KeyPair): string {
  return keyText(pair.publicKey);
}

afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end.close()));
});

interface End {
  readonly borders: DirectBorders;
  readonly packets: Uint8Array[];
  readonly changes: string[];
  neighbour(machine?: string): Neighbour;
}

async function open(pair: KeyPair, more: Partial<DirectOptions> = {}): Promise<End> {
  const packets: Uint8Array[] = [];
  const changes: string[] = [];
  const borders = await DirectBorders.open({
    keys: pair,
    listen: { host: '127.0.0.1', port: 0, secure: false },
    machine: 'here',
    onPacket: (_from, head, packet) => {
      if (head.from !== 0) return 'border of another owner';
      packets.push(packet);
      return undefined;
    },
    onChange: (key) => changes.push(key),
    ...more,
  });
  ends.push(borders);
  const neighbour = (machine = 'here'): Neighbour => ({ key: text(pair), address: borders.address, machine });
  return { borders, packets, changes, neighbour };
}

async function connected(): Promise<[End, End]> {
  const [a, b] = [await open(low), await open(high)];
  b.borders.setNeighbours([a.neighbour()]);
  a.borders.setNeighbours([b.neighbour()]);
  await expect.poll(() => a.borders.has(text(high)) && b.borders.has(text(low))).toBe(true);
  return [a, b];
}

function packet(from: number, size = 100): Uint8Array {
  const head = encodeBorderHead({ run: new Uint8Array(16), term: 1, from, to: 1, keys: 0, counter: 0 });
  return Buffer.concat([head, Buffer.alloc(size)]);
}

describe('neighbours', () => {
  test('dial each other once, and packets go both ways', async () => {
    const [a, b] = await connected();
    expect(a.borders.send(text(high), packet(0))).toBe(true);
    expect(b.borders.send(text(low), packet(0))).toBe(true);
    await expect.poll(() => [a.packets.length, b.packets.length]).toEqual([1, 1]);
    expect([a.changes, b.changes]).toEqual([[text(high)], [text(low)]]);
  });

  test('that are no longer neighbours are disconnected, and both ends are told', async () => {
    const [a, b] = await connected();
    a.borders.setNeighbours([]);
    await expect.poll(() => [a.borders.has(text(high)), b.borders.has(text(low))]).toEqual([false, false]);
    expect(b.changes).toEqual([text(low), text(low)]);
    expect(b.borders.send(text(low), packet(0))).toBe(false);
  });

  test('that start again are connected again', async () => {
    const [a, b] = await connected();
    await b.borders.close();
    await expect.poll(() => a.borders.has(text(high))).toBe(false);
    const again = await open(high);
    again.borders.setNeighbours([a.neighbour()]);
    a.borders.setNeighbours([again.neighbour()]);
    await expect.poll(() => a.borders.has(text(high)), { timeout: 10_000 }).toBe(true);
  });

  test('dial against the order where the other side does not dial', async () => {
    const [a, b] = [await open(low), await open(high)];
    a.borders.setNeighbours([{ key: text(high) }]);
    b.borders.setNeighbours([a.neighbour()]);
    await expect.poll(() => b.borders.has(text(low)), { timeout: 10_000 }).toBe(true);
  });

  test('do not dial a loopback address on another machine, nor a text that is not an address', async () => {
    const [a, b] = [await open(low), await open(high)];
    b.borders.setNeighbours([a.neighbour()]);
    a.borders.setNeighbours([b.neighbour('elsewhere')]);
    a.borders.setNeighbours([{ key: text(high), address: '::::', machine: 'here' }]);
    expect(a.borders.has(text(high))).toBe(false);
    expect(b.borders.refused).toEqual({});
  });

  test('send nothing where a stranger answers at a neighbour’s address', async () => {
    const [a, b] = [await open(low), await open(stranger)];
    b.borders.setNeighbours([a.neighbour()]);
    a.borders.setNeighbours([{ ...b.neighbour(), key: text(high) }]);
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(a.borders.has(text(high)) || a.borders.has(text(stranger))).toBe(false);
    expect(b.packets).toEqual([]);
  });
});

/** A way to a listener that can be cut, with what is on it. */
async function cuttable(to: End): Promise<{ address: string; cut(): void; close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = createConnection(parseAddress(to.borders.address).port, '127.0.0.1');
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one);
      one.on('error', () => undefined);
      one.on('close', () => other.destroy());
      one.pipe(other);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
  const close = (): Promise<void> => {
    cut();
    return new Promise((resolve) => server.close(() => resolve()));
  };
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, cut, close };
}

test('frames come out once and in order however often the connection between two real sockets is cut', async () => {
  const { a, b, rekey } = channelEnds();
  const got: [Frame[], Frame[]] = [[], []];
  const refused: string[] = [];
  const carried = { direct: 0, relay: 0 };
  const channels = [a, b] as const;
  const borders: DirectBorders[] = [];
  const names = [text(low), text(high)] as const;
  const take = (end: 0 | 1, packet: Uint8Array, way: 'direct' | 'relay'): void => {
    const received = channels[end].receive(packet, way);
    got[end].push(...received.frames);
    for (const problem of [received.refused, received.broken?.reason]) if (problem !== undefined) refused.push(problem);
    carry(end, received.packets);
  };
  const carry = (end: 0 | 1, packets: readonly Uint8Array[]): void => {
    const other = (1 - end) as 0 | 1;
    for (const packet of packets) {
      const direct = borders[end]?.has(names[other]) ?? false;
      carried[direct ? 'direct' : 'relay']++;
      if (direct) borders[end]?.send(names[other], packet);
      else setImmediate(() => take(other, packet, 'relay'));
    }
  };
  const of = (end: 0 | 1): Partial<DirectOptions> => ({
    onPacket: (_from, _head, packet) => {
      take(end, packet, 'direct');
      return undefined;
    },
    onChange: () => carry(end, channels[end].reroute()),
  });
  const [first, second] = [await open(low, of(0)), await open(high, of(1))];
  borders.push(first.borders, second.borders);
  const { fromA, fromB } = rekey(0);
  carry(0, fromA);
  carry(1, fromB);
  const way = await cuttable(second);
  second.borders.setNeighbours([{ key: names[0] }]);
  first.borders.setNeighbours([{ key: names[1], address: way.address, machine: 'here' }]);
  const [there, back] = [5, 6].map((id) => Array.from({ length: 1200 }, (_, i) => frameOf(id, i, 0))) as [
    Frame[],
    Frame[],
  ];
  for (let i = 0; i < 1200; i++) {
    carry(0, a.send(there[i] as Frame));
    carry(1, b.send(back[i] as Frame));
    if (i % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
    if (i % 200 === 130)
      await expect.poll(() => borders[0]?.has(names[1]), { timeout: 10_000, interval: 20 }).toBe(true);
    if (i % 200 === 100) way.cut();
  }
  await expect.poll(() => [got[1].length, got[0].length], { timeout: 20_000 }).toEqual([1200, 1200]);
  await way.close();
  expect(carried.direct).toBeGreaterThan(500);
  expect(carried.relay).toBeGreaterThan(10);
  expect(got[1].map((f) => f.callIndex)).toEqual(there.map((f) => f.callIndex));
  expect(got[0].map((f) => f.callIndex)).toEqual(back.map((f) => f.callIndex));
  expect(refused.filter((why) => why !== 'packets before it are missing')).toEqual([]);
});

test('an address is its owner’s word for one run, term and shard', () => {
  const place = { run: 'r', term: 1 };
  const exchange = signExchange(place, 0, newEphemeral(0, seeded(9)), low);
  const listen = { address: '127.0.0.1:7', machine: 'here' };
  const told = withListen(place, exchange, listen, low);
  expect(listenOf(place, told)).toMatchObject(listen);
  expect(listenOf({ ...place, term: 2 }, told)).toBeUndefined();
  expect(listenOf(place, { ...told, shard: 1 })).toBeUndefined();
  const forged = { ...listen, address: '10.0.0.1:22', sig: told.listen?.sig ?? '' };
  expect(listenOf(place, { ...told, listen: forged })).toBeUndefined();
  expect(listenOf(place, withListen(place, exchange, listen, stranger))).toBeUndefined();
  expect(listenOf(place, exchange)).toBeUndefined();
});

/** A connection by hand, so that it can misbehave. */
async function raw(
  to: End,
  pair: KeyPair,
  role: Role = 'trainer',
): Promise<{ socket: WebSocket; closed: Promise<string> }> {
  const socket = new WebSocket(`ws://${to.borders.address}`);
  socket.on('error', () => undefined);
  const closed = new Promise<string>((resolve) => socket.on('close', (_code, reason) => resolve(String(reason))));
  const first = hello(role, pair, seeded(77));
  await new Promise<void>((resolve) => {
    socket.on('open', () => socket.send(JSON.stringify(first)));
    socket.on('close', () => resolve());
    socket.once('message', (data) => {
      const proved = prove(first, JSON.parse(String(data)), pair);
      if (typeof proved === 'string') throw new Error(proved);
      socket.once('message', () => resolve());
      socket.send(JSON.stringify(proved.proof));
    });
  });
  return { socket, closed };
}

describe('a listener for neighbours', () => {
  test('refuses a key that is not a neighbour’s, and a neighbour in another role', async () => {
    const a = await open(low);
    a.borders.setNeighbours([{ key: text(high) }]);
    expect(await (await raw(a, stranger)).closed).toBe('not a neighbour');
    expect(await (await raw(a, high, 'operator')).closed).toBe('not a neighbour');
    expect(a.borders.refused).toEqual({ 'handshake: not a neighbour': 2 });
    const address = parseAddress(a.borders.address);
    await expect(dial({ address, role: 'trainer', keys: high, pinned: stranger.publicKey })).rejects.toThrow(
      'its key is',
    );
  });

  test('refuses a proof that was made for another connection', async () => {
    const a = await open(low);
    a.borders.setNeighbours([{ key: text(high) }]);
    const heard: string[] = [];
    for (let i = 0; i < 2; i++) {
      const socket = new WebSocket(`ws://${a.borders.address}`);
      const first = hello('trainer', high, seeded(77));
      socket.on('open', () => socket.send(JSON.stringify(first)));
      const reason = await new Promise<string>((resolve) => {
        socket.on('close', (_code, why) => resolve(String(why)));
        socket.on('message', (data) => {
          const proved = prove(first, JSON.parse(String(data)), high);
          if (typeof proved === 'string' || heard.length > 1) return;
          // The first one is only listened to; the second says what it has heard.
          heard.push(JSON.stringify(proved.proof));
          if (i === 0) socket.close();
          else socket.send(heard[0] ?? '');
        });
      });
      if (i === 1) expect(reason).toContain('signature');
    }
    expect(a.borders.has(text(high))).toBe(false);
  });

  test.each<[string, (socket: WebSocket) => void, string]>([
    ['text messages', (s) => s.send('{"type":"stop"}'), 'not a border packet'],
    ['packets of another kind', (s) => s.send(Buffer.from([2, 1, ...new Uint8Array(60)])), 'not a border packet'],
    ['packets for borders of others', (s) => s.send(packet(7)), 'border of another owner'],
  ])('counts and never applies %s, and ends the connection after many of them', async (_name, misbehave, reason) => {
    const a = await open(low);
    a.borders.setNeighbours([{ key: text(high) }]);
    const { socket, closed } = await raw(a, high);
    for (let i = 0; i < 40; i++) misbehave(socket);
    expect(await closed).toBe('refused');
    expect((a.borders.refused as Record<string, number>)[reason]).toBeGreaterThanOrEqual(32);
    expect(a.packets).toEqual([]);
    await expect.poll(() => a.borders.has(text(high))).toBe(false);
  });

  test('ends the connection of a packet that is too long before it is read', async () => {
    const a = await open(low);
    a.borders.setNeighbours([{ key: text(high) }]);
    const { socket, closed } = await raw(a, high);
    socket.send(packet(0, 300_000));
    await closed;
    expect(a.packets).toEqual([]);
  });

  test('closes a silent handshake in seconds, and bounds how many are begun', async () => {
    const a = await open(low);
    const silent = new WebSocket(`ws://${a.borders.address}`);
    await new Promise((resolve) => silent.on('close', resolve));
    expect(a.borders.refused).toEqual({ 'handshake: too slow': 1 });
    const many = Array.from({ length: 300 }, () => new WebSocket(`ws://${a.borders.address}`));
    for (const socket of many) socket.on('error', () => undefined);
    await expect.poll(() => a.borders.refused['too many connections'] ?? 0, { timeout: 20_000 }).toBeGreaterThan(0);
    for (const socket of many) socket.terminate();
  });

  test('gives up a neighbour that neither reads nor answers, and the relay carries its frames', async () => {
    const a = await open(low);
    a.borders.setNeighbours([{ key: text(high) }]);
    const { socket } = await raw(a, high);
    await expect.poll(() => a.borders.has(text(high))).toBe(true);
    socket.pause();
    await expect.poll(() => a.borders.has(text(high)), { timeout: 15_000, interval: 200 }).toBe(false);
    expect(a.changes).toEqual([text(high), text(high)]);
    socket.terminate();
  });
});
