/** Strangers who take room: silent, half said, from many addresses, from somebody's page. Nobody else is kept out. */
import { createServer } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { packageVersion } from '../../../runtime/cli/shell/package-root.ts';
import { type KeyPair, keyPairFromSeed } from '../../../runtime/identity/ed25519.ts';
import { readKey } from '../../../runtime/identity/key-file.ts';
import { keyText } from '../../../runtime/identity/key-text.ts';
import { askStatus } from '../../../runtime/net/ask-status.ts';
import { dial } from '../../../runtime/net/dial.ts';
import { DOOR_LIMITS, FrontDoor } from '../../../runtime/net/front-door.ts';
import type { Link } from '../../../runtime/net/link.ts';
import { PLACES, Places } from '../../../runtime/net/places.ts';
import { hello, type Role } from '../../../runtime/wire/handshake.ts';
import { temporaryFolder } from '../../support/nmc.ts';
import { ROOT } from '../../support/repository.ts';
import { seeded } from '../networked.ts';
import { RawSocket, upgradeText } from './raw/connection.ts';
import { frameOf } from './raw/frames.ts';
import { Watched } from './raw/processes.ts';

const folder = temporaryFolder();
const viewer = keyPairFromSeed(seeded(71));
const trainer = keyPairFromSeed(seeded(72));
let synchronizer: Watched;
let port = 0;
const sockets: RawSocket[] = [];
const links: Link[] = [];
/** RFC 6455, 7.4.1. */
const TOO_BIG = 1009;

async function connect(role: Role, keys: KeyPair): Promise<Link> {
  const link = await dial({ address: { host: '127.0.0.1', port, secure: false }, role, keys });
  links.push(link);
  return link;
}

const operator = (): Promise<Link> => connect('operator', readKey(join(folder, 'config', 'key.json')));

function stranger(address: number, said: Uint8Array | string): RawSocket {
  const socket = new RawSocket(port, `127.0.0.${address}`);
  socket.send(said);
  sockets.push(socket);
  return socket;
}

const open = (): number => sockets.filter((s) => !s.isClosed).length;

beforeAll(async () => {
  const args = ['synchronizer', '--listen', '127.0.0.1:0', '--state', 'state', '--origin', 'https://ours.example'];
  synchronizer = new Watched([join(ROOT, 'dist/nmc.cjs'), ...args, '--json'], folder);
  const { address } = JSON.parse(await synchronizer.firstLine) as { readonly address: string };
  port = Number(address.split(':').at(-1));
  const link = await operator();
  await link.ask({ what: 'allow', key: keyText(viewer.publicKey), role: 'viewer' });
  await link.ask({ what: 'allow', key: keyText(trainer.publicKey), role: 'trainer' });
}, 60_000);

afterAll(() => {
  for (const link of links) link.close();
  for (const socket of sockets) socket.end();
  synchronizer.kill();
});

test('a flood of strangers and viewers takes only the places of strangers and viewers, and an operator gets in', async () => {
  // A megabyte each, but for its last byte: before the proof nobody may send as much, and none of it is kept.
  const almost = frameOf({ opcode: 1, payload: Buffer.alloc(1_000_000), length: 1_000_001 });
  for (let i = 0; i < 200; i++) stranger(2 + (i % 20), '');
  for (let i = 0; i < 200; i++) stranger(2 + (i % 20), Buffer.concat([Buffer.from(upgradeText()), almost]));
  for (let i = 0; i < 1200; i++) stranger(30 + (i % 30), upgradeText());
  for (let i = 0; i < 12; i++) await connect('viewer', viewer);
  const link = await operator();
  const { refused } = await askStatus(link);
  expect(refused['too many connections']).toBeGreaterThan(0);
  expect(refused['too many connections of one key']).toBeGreaterThanOrEqual(12 - PLACES.perKey.viewer);
  await expect.poll(open, { timeout: 20_000 }).toBeLessThanOrEqual(DOOR_LIMITS.unproved);
  // 400 such connections held 240 MB once.
  expect(synchronizer.growth).toBeLessThan(150);
  // What is left of them goes in seconds.
  await expect.poll(open, { timeout: 20_000, interval: 200 }).toBe(0);
  expect(synchronizer.ended).toBeUndefined();
  expect((await askStatus(link)).more).toBe(0);
}, 60_000);

test('one key has two connections as trainer, and may start anew a dozen times, not twenty times a second', async () => {
  const capability = { cores: 1, memory: 1, rate: 1, upload: 0, download: 0, machine: 'm' };
  let ended = 0;
  for (let i = 0; i < 30 && ended === 0; i++) {
    const link = await connect('trainer', trainer);
    link.send({ type: 'member', name: 'anew', instance: String(i).padStart(16, '0'), capability });
    // The answer to a later question: the member's word was taken, or has ended the connection.
    await link.ask({ what: 'alive', instance: '0'.repeat(16) }).catch(() => {
      ended = i;
    });
  }
  expect(ended).toBeGreaterThan(3);
  const { refused } = await askStatus(await operator());
  expect(refused['more instances than its share']).toBeGreaterThan(0);
});

test('an older wire is refused by name, and any other text as a version is not repeated', async () => {
  const first = hello('operator', viewer, seeded(1));
  const told = async (v: string, version?: string): Promise<string> => {
    const socket = stranger(2, '');
    expect(await socket.upgrade()).toBe(true);
    socket.sendText(JSON.stringify({ ...first, v, ...(version === undefined ? {} : { version }) }));
    return String((await socket.read())?.subarray(2));
  };
  const here = `this is wire 3.1 (release ${packageVersion()}): use the same release of nmc`;
  expect(await told('1.0')).toBe(`wire 1.0 is not understood here, ${here}`);
  expect(await told('1.0', '0.1.7')).toBe(`wire 1.0 (release 0.1.7) is not understood here, ${here}`);
  expect(await told('1.0', '\u001b[2J')).toBe(`wire 1.0 is not understood here, ${here}`);
  for (let i = 0; i < 40; i++)
    expect(await told(`\u001b[${i}m`)).toMatch(/^that version of the wire is not understood/);
  const { refused } = await askStatus(await operator());
  expect(Object.keys(refused).filter((code) => code.includes('version'))).toEqual(['handshake: version']);
});

describe('a page in a browser', () => {
  test.each([
    ['https://evil.example', 403],
    ['null', 403],
    ['https://ours.example', 101],
    [undefined, 101],
  ])('of origin %s is answered with %i', async (origin, status) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}`, { headers: origin === undefined ? {} : { origin } });
    const answered = await new Promise<number>((resolve) => {
      socket.on('error', () => undefined);
      socket.on('open', () => resolve(101));
      socket.on('unexpected-response', (_request, response) => resolve(response.statusCode ?? 0));
    });
    socket.terminate();
    // The name of the machine is looked at too, by whoever is first.
    expect(status === 403 ? answered >= 400 : answered === status).toBe(true);
  });
});

describe('the limits', () => {
  test('reach the library that holds unfinished messages', async () => {
    const keys = keyPairFromSeed(seeded(73));
    const door = new FrontDoor({
      keys,
      inviteKey: () => undefined,
      refuse: () => undefined,
      unlisted: 'not listed',
      maxPayload: 50_000,
      count: () => undefined,
      caught: () => undefined,
      open: (socket) => {
        socket.on('message', (data: Buffer) => socket.send(`${data.length} bytes`));
      },
    });
    const server = createServer();
    door.attach(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port: at } = server.address() as { readonly port: number };
    const raw = new RawSocket(at);
    expect(await raw.shakeHands('viewer', viewer)).toBeDefined();
    raw.send(frameOf({ opcode: 2, payload: Buffer.alloc(40_000) }));
    expect(String(await raw.read())).toBe('40000 bytes');
    raw.send(frameOf({ opcode: 2, payload: Buffer.alloc(60_000) }));
    expect((await raw.read())?.readUInt16BE(0)).toBe(TOO_BIG);
    const early = new RawSocket(at);
    await early.upgrade();
    early.send(frameOf({ opcode: 1, payload: Buffer.alloc(3000) }));
    expect((await early.read())?.readUInt16BE(0)).toBe(TOO_BIG);
    raw.end();
    early.end();
    door.close();
    await new Promise((resolve) => server.close(resolve));
  });

  test('of places leave one to operators, and one for a trainer’s pulse beside the trainer', () => {
    const limits = { all: 10, operators: 3, viewers: 2, perKey: { operator: 5, trainer: 2, viewer: 2 } };
    const places = new Places<{ readonly key: string; readonly role: Role }>(limits);
    const enter = (key: string, role: Role) => places.enter({ key, role });
    expect([enter('a', 'viewer'), enter('b', 'viewer'), enter('c', 'viewer')]).toEqual([{}, {}, false]);
    for (let i = 0; i < 4; i++) expect(enter(`t${i}`, 'trainer')).toEqual({});
    expect(enter('t0', 'viewer')).toEqual({});
    expect(enter('t9', 'trainer')).toBe(false);
    for (let i = 0; i < 3; i++) expect(enter('me', 'operator')).toEqual({});
    expect(enter('me', 'operator')).toBe(false);
    expect(enter('t1', 'trainer')).toBe(false);
  });
});
