/** Binary messages that are taken before `ws` sees them: those that `ws` takes, and nothing else of its work. */
import { EventEmitter, once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import * as ws from 'ws';
import { quickMessages } from '../../runtime/net/quick-messages.ts';
import { quickSend } from '../../runtime/net/quick-send.ts';
import { readInto } from '../../runtime/net/read-into.ts';
import { FRAME_ROOM, PacketPool } from '../../runtime/wire/packet-pool.ts';

/** Parts of `ws` of which its types do not speak. */
const { Receiver, Sender } = ws as unknown as {
  readonly Receiver: new (options?: object) => EventEmitter & { write(chunk: Buffer): boolean };
  readonly Sender: { frame(payload: Buffer, options: object): Buffer[] };
};

const MOST = 1000;

/** What a frame has of its own; its payload is `bytes` times the same byte. */
interface Frame {
  readonly opcode: number;
  readonly fin: boolean;
  readonly bytes: number;
  readonly mask: number;
}

function encoded({ opcode, fin, bytes, mask }: Frame, isServer: boolean, number: number): Buffer {
  const options = { fin, opcode, mask: isServer, rsv1: false, readOnly: false };
  const generateMask = (key: Buffer): Buffer => key.fill(mask);
  const payload = Buffer.alloc(bytes, 97 + (number % 20));
  return Buffer.concat(Sender.frame(payload, { ...options, generateMask }));
}

/** All that an end tells of a stream of bytes that comes in these chunks. */
async function heard(chunks: readonly Buffer[], isServer: boolean, isQuick: boolean): Promise<string[]> {
  const receiver = new Receiver({ isServer, maxPayload: MOST });
  const socket = Object.assign(new EventEmitter(), { readyState: 1, CLOSED: 3, _receiver: receiver });
  const told: string[] = [];
  for (const event of ['message', 'ping', 'pong'] as const)
    receiver.on(event, (data: Buffer, binary?: boolean) => socket.emit(event, data, binary));
  socket.on('message', (data: Buffer, binary: boolean) =>
    told.push(`${binary ? 'binary' : 'text'} ${data.toString()}`),
  );
  socket.on('ping', (data: Buffer) => told.push(`ping ${data.toString()}`));
  socket.on('pong', (data: Buffer) => told.push(`pong ${data.toString()}`));
  receiver.on('error', (error: Error) => told.push(`error ${error.message}`));
  if (isQuick) quickMessages(socket as unknown as ws.WebSocket, MOST);
  // All chunks come in the same memory, where they are taken before ws.
  const memory = Buffer.alloc(Math.max(0, ...chunks.map((chunk) => chunk.length)));
  for (const chunk of chunks) {
    const bytes = isQuick ? memory.subarray(0, chunk.length) : Buffer.alloc(chunk.length);
    bytes.set(chunk);
    receiver.write(bytes);
    if (isQuick) memory.fill(0xff);
  }
  // An error is told a turn later.
  await nextTurn();
  return told;
}

const single = fc.record({
  opcode: fc.constantFrom(2, 2, 2, 1, 9, 10),
  fin: fc.constant(true),
  bytes: fc.constantFrom(0, 1, 5, 120, 125, 126, 300, 999, 1000),
  mask: fc.constantFrom(0, 0, 0, 7),
});

/** A message in two pieces, with a ping between. */
const inPieces = ({ mask }: Frame): Frame[] => [
  { opcode: 2, fin: false, bytes: 5, mask },
  { opcode: 9, fin: true, bytes: 3, mask },
  { opcode: 0, fin: true, bytes: 4, mask },
];

const frames = fc
  .array(fc.oneof({ weight: 4, arbitrary: single.map((f) => [f]) }, { weight: 1, arbitrary: single.map(inPieces) }))
  .map((all) => all.flat());

const sizes = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1 });

test('the same messages and signs of life as by ws alone, however their bytes come', async () => {
  await fc.assert(
    fc.asyncProperty(frames, fc.boolean(), sizes, async (all, isServer, cuts) => {
      const bytes = Buffer.concat(
        all.map((f, i) => encoded(f.opcode > 8 ? { ...f, bytes: f.bytes % 126 } : f, isServer, i)),
      );
      const chunks: Buffer[] = [];
      for (let at = 0, i = 0; at < bytes.length; i++) {
        const end = at + (cuts[i % cuts.length] ?? 1);
        chunks.push(bytes.subarray(at, end));
        at = end;
      }
      expect(await heard(chunks, isServer, true)).toEqual(await heard(chunks, isServer, false));
    }),
    { numRuns: 300 },
  );
});

test('a frame against the rules ends the connection as ws has it', async () => {
  const sound = encoded({ opcode: 2, fin: true, bytes: 9, mask: 0 }, true, 0);
  const bad = [
    encoded({ opcode: 2, fin: true, bytes: MOST + 1, mask: 0 }, true, 1),
    encoded({ opcode: 2, fin: true, bytes: 9, mask: 0 }, false, 2),
    encoded({ opcode: 3, fin: true, bytes: 9, mask: 0 }, true, 3),
    Buffer.concat([1, 2].map((i) => encoded({ opcode: 2, fin: i === 2, bytes: 9, mask: 0 }, true, i))),
  ];
  for (const bytes of bad) {
    const quick = await heard([sound, bytes], true, true);
    expect(quick).toEqual(await heard([sound, bytes], true, false));
    expect(quick.at(-1)).toMatch(/^error/);
  }
});

test('a message that came in several chunks lies in the same memory as the one before', () => {
  const socket = Object.assign(new EventEmitter(), { readyState: 1, CLOSED: 3, _receiver: new Receiver() });
  quickMessages(socket as unknown as ws.WebSocket, MOST);
  const places = new Set<ArrayBufferLike>();
  socket.on('message', (data: Buffer) => places.add(data.buffer));
  for (let i = 0; i < 5; i++) {
    const bytes = encoded({ opcode: 2, fin: true, bytes: 900, mask: 0 }, false, i);
    for (const part of [bytes.subarray(0, 400), bytes.subarray(400)]) socket._receiver.write(part);
  }
  expect(places.size).toBe(1);
});

test('bytes of a real connection come in memory that was made once, its pauses and its end included', async () => {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [[served]] = (await Promise.all([once(server, 'connection'), once(client, 'connect')])) as [[Socket], unknown];
  const got: Buffer[] = [];
  const places = new Set<ArrayBufferLike>();
  served.on('data', (chunk: Buffer) => {
    places.add(chunk.buffer);
    got.push(Buffer.from(chunk));
    // A slow reader stops it for a while.
    served.pause();
    setImmediate(() => served.resume());
  });
  expect(readInto(served, new Uint8Array(1000))).toBe(true);
  const sent = Buffer.from(Array.from({ length: 200_000 }, (_, i) => (i * i) % 251));
  const ended = once(served, 'end');
  client.end(sent);
  await ended;
  expect(Buffer.concat(got).equals(sent)).toBe(true);
  expect(places.size).toBe(1);
  served.end();
  server.close();
  // What is no connection of Node's own is left as it is.
  expect(readInto(new PassThrough(), new Uint8Array(1))).toBe(false);
});

test('a packet with room in front goes out as the frame that ws makes of it', () => {
  for (const isServer of [false, true])
    for (const length of [1, 100, 125, 126, 1000, 65_535, 65_536, 70_000]) {
      const written: Buffer[] = [];
      const sent: Uint8Array[] = [];
      const stream = { write: (bytes: Buffer) => written.push(Buffer.from(bytes)) };
      const socket = { _socket: stream, _isServer: isServer, send: (bytes: Uint8Array) => sent.push(bytes) };
      const send = quickSend(socket as unknown as ws.WebSocket);
      const packet = new PacketPool(FRAME_ROOM).take(length).fill(9);
      send(packet);
      const options = { fin: true, opcode: 2, mask: !isServer, rsv1: false, readOnly: true };
      const frame = Sender.frame(Buffer.from(packet), { ...options, generateMask: (key: Buffer) => key.fill(0) });
      expect(written.map((bytes) => bytes.equals(Buffer.concat(frame)))).toEqual([true]);
      // In front of these there is something else.
      for (const other of [packet.subarray(0, -1), new Uint8Array(length), Buffer.allocUnsafe(40).subarray(FRAME_ROOM)])
        send(other);
      expect([written.length, sent.length]).toEqual([1, 3]);
    }
});
