/**
 * What a packet takes that a border cannot do without: there and back between two processes, as direct borders send and
 * read it, and to be sealed and opened.
 */
import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { type WebSocket, WebSocketServer } from 'ws';
import { newKeyPair } from '../../../runtime/identity/ed25519.ts';
import { quickMessages } from '../../../runtime/net/quick-messages.ts';
import { quickSend } from '../../../runtime/net/quick-send.ts';
import { SOCKET_LIMITS } from '../../../runtime/net/socket-limits.ts';
import { borderKeys, newEphemeral, signExchange, TAG_BYTES } from '../../../runtime/wire/border-keys.ts';
import { FRAME_ROOM, PacketPool } from '../../../runtime/wire/packet-pool.ts';
import { BORDER_HEAD, MAX_BINARY_BYTES } from '../../../runtime/wire/routing.ts';
import { median } from '../statistics.ts';

const [WARM, ROUNDS] = [1000, 2000];
const PATIENCE_MS = 20_000;

/** @param bytes of the packet. @returns milliseconds there and back */
export async function thereAndBack(bytes: number): Promise<number> {
  const server = createServer();
  const sockets = new WebSocketServer({ server, ...SOCKET_LIMITS });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const signal = AbortSignal.timeout(PATIENCE_MS);
  const { port } = server.address() as AddressInfo;
  const child = fork(fileURLToPath(new URL('../packet-child.js', import.meta.url)), [String(port)]);
  try {
    const [[socket]] = (await Promise.all([
      once(sockets, 'connection', { signal }),
      once(child, 'message', { signal }),
    ])) as [[WebSocket], unknown];
    return await rounds(socket, bytes, signal);
  } finally {
    child.kill('SIGKILL');
    sockets.close();
    server.closeAllConnections();
    server.close();
  }
}

function rounds(socket: WebSocket, bytes: number, signal: AbortSignal): Promise<number> {
  const send = quickSend(socket);
  const pool = new PacketPool(FRAME_ROOM);
  const times: number[] = [];
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(new Error('packets do not come back')));
    let began = 0;
    const next = (): void => {
      const packet = pool.take(bytes);
      began = performance.now();
      send(packet, () => pool.give(packet));
    };
    socket.on('message', () => {
      times.push(performance.now() - began);
      if (times.length < WARM + ROUNDS) next();
      else resolve(median(times.slice(WARM)));
    });
    quickMessages(socket, MAX_BINARY_BYTES);
    next();
  });
}

/** @param bytes of the packet. @returns milliseconds to seal it and to open it */
export function sealedAndOpened(bytes: number): number {
  const place = { run: 'bench', term: 1 };
  const [one, other] = [newEphemeral(1, randomBytes(32)), newEphemeral(1, randomBytes(32))];
  const exchanges = [one, other].map((ephemeral, shard) => signExchange(place, shard, ephemeral, newKeyPair()));
  const [lower, higher] = exchanges;
  const here = lower && higher && borderKeys(place, one, lower, higher);
  const there = lower && higher && borderKeys(place, other, higher, lower);
  if (!here || !there) throw new Error('no keys for a border');
  const plain = new Uint8Array(randomBytes(bytes));
  const message = new Uint8Array(BORDER_HEAD + bytes + TAG_BYTES);
  const [head, sealed] = [message.subarray(0, BORDER_HEAD), message.subarray(BORDER_HEAD)];
  const times = Array.from({ length: WARM }, (_, counter) => {
    const began = performance.now();
    here.send.seal(counter, message, plain);
    if (!there.receive.open(counter, head, sealed)) throw new Error('it does not open');
    return performance.now() - began;
  });
  return median(times.slice(WARM / 2));
}
