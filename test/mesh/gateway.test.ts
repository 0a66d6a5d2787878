/** A real gateway on a real socket: who is let in, who may what, and what becomes of those who misbehave. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { embeddedBackplane } from '../../runtime/backplane/embedded.ts';
import { type KeyPair, keyPairFromSeed } from '../../runtime/identity/ed25519.ts';
import { keyText } from '../../runtime/identity/key-text.ts';
import type { Address } from '../../runtime/net/address.ts';
import { dial } from '../../runtime/net/dial.ts';
import type { Link } from '../../runtime/net/link.ts';
import type { MeshStatus } from '../../runtime/net/mesh-status.ts';
import { SynchronizerNode } from '../../runtime/net/synchronizer-node.ts';
import { Envelopes } from '../../runtime/wire/envelope.ts';
import { hello, type Invite, prove, type Role } from '../../runtime/wire/handshake.ts';
import { hex, sha256 } from '../../runtime/wire/hash.ts';
import type { Message } from '../../runtime/wire/messages.ts';
import { encodeBlobChunk, encodeBorderHead } from '../../runtime/wire/routing.ts';
import { removeFolder } from '../support/remove-folder.ts';
import { seeded } from './networked.ts';
import { chain } from './simulated.ts';

const folder = mkdtempSync(join(tmpdir(), 'nmc-gateway-'));
const keys = (n: number): KeyPair => keyPairFromSeed(seeded(n));
const [operator, viewer, stranger, worker] = [keys(1), keys(2), keys(3), keys(4)];
let node: SynchronizerNode;
let address: Address;
let invite: Invite;
const links: Link[] = [];

beforeAll(async () => {
  node = await SynchronizerNode.open({
    keys: keys(9),
    backplane: embeddedBackplane(folder),
    host: '127.0.0.1',
    port: 0,
    operator: keyText(operator.publicKey),
    log: () => undefined,
    onShutdown: () => undefined,
  });
  address = { host: '127.0.0.1', port: node.port, secure: false };
  invite = await node.invite();
  await node.allow(keyText(viewer.publicKey), 'viewer');
});

afterAll(async () => {
  for (const link of links) link.close();
  await node.close();
  removeFolder(folder);
});

async function connect(role: Role, pair: KeyPair, more: Partial<Parameters<typeof dial>[0]> = {}): Promise<Link> {
  const link = await dial({ address, role, keys: pair, ...more });
  links.push(link);
  return link;
}

describe('the gateway', () => {
  test('admits keys in their listed role, and operators in any role', async () => {
    expect(await (await connect('operator', operator)).ask({ what: 'status' })).toMatchObject({ runs: [] });
    expect(await (await connect('viewer', operator)).ask({ what: 'status' })).toMatchObject({ runs: [] });
    expect(await (await connect('viewer', viewer)).ask({ what: 'status' })).toMatchObject({ runs: [] });
  });

  test.each(['operator', 'trainer', 'viewer'] as const)('refuses a stranger as %s', async (role) => {
    await expect(connect(role, stranger)).rejects.toThrow('not listed');
    if (role !== 'viewer') await expect(connect(role, viewer)).rejects.toThrow('not listed');
  });

  test('admits a trainer by invite, later by its key, and refuses an invite that was made up', async () => {
    await expect(connect('trainer', worker, { invite: { ...invite, secret: '00'.repeat(32) } })).rejects.toThrow(
      'invite is wrong',
    );
    await expect(connect('operator', worker, { invite })).rejects.toThrow('not listed');
    (await connect('trainer', worker, { invite })).close();
    (await connect('trainer', worker)).close();
  });

  test('admits only clients that mean this mesh', async () => {
    await expect(connect('operator', operator, { pinned: stranger.publicKey })).rejects.toThrow('its key is');
  });
});

describe('each role may ask only its own questions:', () => {
  test.each([
    ['viewer', () => viewer],
    ['trainer', () => worker],
  ] as const)('a %s may look and do no more', async (role, pair) => {
    const link = await connect(role, pair());
    await expect(link.ask({ what: 'status' })).resolves.toBeDefined();
    for (const question of [
      { what: 'deploy', deployment: chain(1, 1, 1, 1) },
      { what: 'stop', run: 'chain-1' },
      { what: 'run', run: 'chain-1' },
      { what: 'logs', run: 'chain-1', from: 1 },
      { what: 'events', run: 'chain-1', from: 1 },
      { what: 'allow', key: keyText(stranger.publicKey), role: 'operator' },
      { what: 'drain', trainer: 'x' },
      { what: 'shutdown' },
    ] as const)
      await expect(link.ask(question), question.what).rejects.toThrow('may not');
    if (role === 'viewer') await expect(link.ask({ what: 'missing', blobs: [] })).rejects.toThrow('may not');
  });
});

describe('a blob', () => {
  test('comes and goes whole', async () => {
    const link = await connect('operator', operator);
    const bytes = Uint8Array.from({ length: 600_000 }, (_, i) => i % 253);
    const hash = hex(sha256(bytes));
    expect(await link.ask({ what: 'missing', blobs: [hash] })).toEqual({ missing: [hash] });
    await link.putBlob(hash, bytes);
    await link.putBlob(hex(sha256(new Uint8Array(0))), new Uint8Array(0)).catch(() => undefined);
    const [a, b] = await Promise.all([link.getBlob(hash, bytes.length), link.getBlob(hash, bytes.length)]);
    expect(Buffer.from(a).equals(bytes) && Buffer.from(b).equals(bytes)).toBe(true);
    await expect(link.getBlob('0'.repeat(64), 1)).rejects.toThrow('no blob');
  });
});

/** A connection by hand, so that it can misbehave. */
async function raw(
  pair: KeyPair,
  role: Role,
): Promise<{ socket: WebSocket; envelopes: Envelopes; closed: Promise<string> }> {
  const socket = new WebSocket(`ws://127.0.0.1:${node.port}`);
  const first = hello(role, pair, seeded(77));
  const envelopes = await new Promise<Envelopes>((resolve, reject) => {
    socket.on('open', () => socket.send(JSON.stringify(first)));
    socket.once('message', (data) => {
      const proved = prove(first, JSON.parse(String(data)), pair);
      if (typeof proved === 'string') return reject(new Error(proved));
      socket.once('message', () => resolve(new Envelopes(proved.session, pair)));
      return socket.send(JSON.stringify(proved.proof));
    });
    socket.on('error', reject);
  });
  const closed = new Promise<string>((resolve) => socket.on('close', (_code, reason) => resolve(String(reason))));
  return { socket, envelopes, closed };
}

describe('a client that misbehaves is refused, counted and closed', () => {
  const beat: Message = { type: 'heartbeat', shards: [], refused: 0 };

  test.each<[string, (r: Awaited<ReturnType<typeof raw>>) => void, string]>([
    ['no JSON', ({ socket }) => socket.send('{{{'), 'no-json'],
    [
      'a forged message',
      ({ socket, envelopes }) => socket.send(envelopes.seal(beat).replace('"refused":0', '"refused":9')),
      'signature',
    ],
    [
      'a message twice',
      ({ socket, envelopes }) => {
        const text = envelopes.seal(beat);
        socket.send(text);
        socket.send(text);
      },
      'sequence',
    ],
    [
      'messages out of turn',
      ({ socket, envelopes }) => {
        envelopes.seal(beat);
        socket.send(envelopes.seal(beat));
      },
      'sequence',
    ],
    [
      'a message of another version',
      ({ socket, envelopes }) => socket.send(envelopes.seal(beat).replace('"v":"3.1"', '"v":"1.0"')),
      'version',
    ],
    [
      'against its schema',
      ({ socket, envelopes }) => socket.send(envelopes.seal({ type: 'heartbeat' } as never)),
      'schema',
    ],
    [
      'a flood of nonsense',
      ({ socket }) => {
        for (let i = 0; i < 100; i++) socket.send(Buffer.from([9, 9, 9]));
      },
      'no binary message',
    ],
  ])('after %s', async (_name, misbehave, reason) => {
    const connection = await raw(worker, 'trainer');
    misbehave(connection);
    expect(await connection.closed).toContain(reason);
    const link = await connect('viewer', viewer);
    const { refused } = (await link.ask({ what: 'status' })) as { refused: Record<string, number> };
    expect(refused[reason]).toBeGreaterThan(0);
  });

  test('before a message that is too long is read', async () => {
    const { socket, closed } = await raw(worker, 'trainer');
    socket.on('error', () => undefined);
    socket.send('x'.repeat(3 * 1024 * 1024));
    await closed;
  });

  test('frames for a border of another’s shards go nowhere, and a blob that was not announced is refused', async () => {
    const { socket } = await raw(worker, 'trainer');
    const head = encodeBorderHead({ run: new Uint8Array(16), term: 1, from: 0, to: 1, keys: 0, counter: 0 });
    socket.send(Buffer.concat([head, Buffer.alloc(50)]));
    socket.send(encodeBlobChunk(sha256(Uint8Array.of(1)), 0, 1, Uint8Array.of(2)));
    const link = await connect('viewer', viewer);
    const counts = async (): Promise<Record<string, number>> =>
      ((await link.ask({ what: 'status' })) as { refused: Record<string, number> }).refused;
    await expect
      .poll(counts)
      .toMatchObject({ 'border of another term or owner': 1, 'a blob that was not announced': 1 });
    socket.close();
  });

  test('a client that asks more than its share waits, and gets no new share by connecting again', async () => {
    const asker = keys(6);
    await node.allow(keyText(asker.publicKey), 'viewer');
    const overdrawn = async (): Promise<number> => {
      const link = await connect('viewer', viewer);
      const { refused } = (await link.ask({ what: 'status' })) as MeshStatus;
      link.close();
      return refused['more messages than its share'] ?? 0;
    };
    const before = await overdrawn();
    const { socket, envelopes } = await raw(asker, 'viewer');
    for (let id = 1; id <= 300; id++) socket.send(envelopes.seal({ type: 'ask', id, ask: { what: 'status' } }));
    await expect.poll(overdrawn).toBe(before + 1);
    socket.close();
    const again = await raw(asker, 'viewer');
    again.socket.send(again.envelopes.seal({ type: 'ask', id: 1, ask: { what: 'status' } }));
    await expect.poll(overdrawn).toBe(before + 2);
    again.socket.close();
  });

  test('a trainer’s second connection, as viewer, ends without the first', async () => {
    const trainer = keys(5);
    await node.allow(keyText(trainer.publicKey), 'trainer');
    const messages: Message[] = [];
    const first = await connect('trainer', trainer, { onMessage: (message) => messages.push(message) });
    const second = await connect('viewer', trainer);
    await second.ask({ what: 'alive', instance: '0'.repeat(16) });
    second.close();
    await second.closed;
    const capability = { cores: 1, memory: 1, rate: 1, upload: 0, download: 0, machine: 'm' };
    first.send({ type: 'member', name: 'twice', instance: '0'.repeat(16), capability });
    await expect.poll(() => messages.map((m) => m.type), { timeout: 10_000 }).toContain('admitted');
    first.close();
    const looker = await connect('viewer', viewer);
    const stateOf = async (): Promise<string | undefined> =>
      ((await looker.ask({ what: 'status' })) as MeshStatus).trainers.find((t) => t.name === 'twice')?.state;
    await expect.poll(stateOf).not.toBe('idle');
  });

  test('a handshake that says nothing sensible is closed, and other clients are admitted', async () => {
    for (const words of ['', '[]', '{"v":"3.0"}', 'x'.repeat(5000)]) {
      const socket = new WebSocket(`ws://127.0.0.1:${node.port}`);
      await new Promise((resolve) => {
        socket.on('open', () => socket.send(words));
        socket.on('close', resolve);
        socket.on('error', resolve);
      });
    }
    expect(await (await connect('viewer', viewer)).ask({ what: 'status' })).toBeDefined();
  });
});
