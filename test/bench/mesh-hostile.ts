/**
 * A peer that does its worst, for the bench: `mesh-hostile KIND ADDRESS KEYS SECONDS SHARE`.
 *
 *     flood      a viewer that floods the gateway with questions and made-up frames
 *     silent     a viewer that asks and never reads the answers
 *     stranger   connects without a key that is listed: silent connections, nonsense, handshakes that come to nothing
 *     idle       a listed trainer without a shard that floods the gateway with reports, questions, blobs and frames
 *     burn       connects to nobody and uses as much of a processor as SHARE says
 *
 * Ends with `{"cpu": SECONDS, "sent": MESSAGES}`, the seconds of processor so far at the end of each second.
 */
import { randomBytes } from 'node:crypto';
import { createConnection } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { newKeyPair } from '../../runtime/identity/ed25519.ts';
import { readKey } from '../../runtime/identity/key-file.ts';
import { addressUrl, parseAddress } from '../../runtime/net/address.ts';
import { Envelopes } from '../../runtime/wire/envelope.ts';
import { hello, prove, type Role } from '../../runtime/wire/handshake.ts';
import type { Message } from '../../runtime/wire/messages.ts';
import { encodeBorderHead } from '../../runtime/wire/routing.ts';

const [kind = '', address = '', keys = '', seconds = '5', share = '0'] = process.argv.slice(2);
const end = performance.now() + Number(seconds) * 1000;
/** Bytes that wait here: more would only fill this machine's memory. */
const MAX_WAITING_BYTES = 1024 * 1024;
let sent = 0;
/** Processor seconds so far, at the end of each second. */
const used: number[] = [];
const processorSeconds = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};
setInterval(() => used.push(processorSeconds()), 1000).unref();

async function connect(role: Role): Promise<{ socket: WebSocket; envelopes: Envelopes }> {
  const pair = readKey(keys);
  const socket = new WebSocket(addressUrl(parseAddress(address)));
  const first = hello(role, pair, randomBytes(32));
  const envelopes = await new Promise<Envelopes>((resolve, reject) => {
    socket.on('open', () => socket.send(JSON.stringify(first)));
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('closed')));
    socket.once('message', (data) => {
      const proved = prove(first, JSON.parse(String(data)), pair);
      if (typeof proved === 'string') return reject(new Error(proved));
      socket.once('message', () => resolve(new Envelopes(proved.session, pair)));
      return socket.send(JSON.stringify(proved.proof));
    });
  });
  socket.removeAllListeners('error');
  socket.on('error', () => undefined);
  return { socket, envelopes };
}

/** Connects again and again, and calls `send` as often as the socket takes it. */
async function attack(
  role: Role,
  reads: boolean,
  send: (socket: WebSocket, envelopes: Envelopes) => void,
): Promise<void> {
  while (performance.now() < end) {
    const connected = await connect(role).catch(() => undefined);
    if (!connected) {
      await sleep(20);
      continue;
    }
    const { socket, envelopes } = connected;
    if (!reads) socket.pause();
    while (performance.now() < end && socket.readyState === WebSocket.OPEN) {
      for (let i = 0; i < 20 && socket.bufferedAmount < MAX_WAITING_BYTES; i++) send(socket, envelopes);
      await sleep(1);
    }
    socket.terminate();
  }
}

const head = encodeBorderHead({ run: new Uint8Array(16), term: 1, from: 0, to: 1, keys: 0, counter: 0 });
const frame = Buffer.concat([head, Buffer.alloc(4096)]);

function asViewer(socket: WebSocket, envelopes: Envelopes): void {
  socket.send(envelopes.seal({ type: 'ask', id: ++sent, ask: { what: 'status' } }));
  if (kind === 'flood') socket.send(frame);
}

const capability = { cores: 1, memory: 0, rate: 0, upload: 0, download: 0, machine: 'idle' };

function asIdleTrainer(socket: WebSocket, envelopes: Envelopes): void {
  const messages: readonly Message[] = [
    { type: 'member', name: 'idle', instance: randomBytes(8).toString('hex'), capability },
    { type: 'heartbeat', shards: [], refused: 0 },
    { type: 'ask', id: sent + 1, ask: { what: 'get', blob: randomBytes(32).toString('hex') } },
    { type: 'ask', id: sent + 2, ask: { what: 'put', blob: randomBytes(32).toString('hex'), bytes: 1024 } },
  ];
  for (const message of messages) socket.send(envelopes.seal(message));
  socket.send(frame);
  sent += messages.length;
}

/** Never more than so many sockets at once. */
const MAX_SOCKETS = 100;

async function asStranger(): Promise<void> {
  const { host, port } = parseAddress(address);
  const open = new Set<{ destroy(): void }>();
  while (performance.now() < end) {
    for (const socket of [...open].slice(0, Math.max(0, open.size - MAX_SOCKETS))) {
      socket.destroy();
      open.delete(socket);
    }
    const silent = createConnection({ host, port });
    silent.on('error', () => undefined);
    open.add(silent);
    const socket = new WebSocket(addressUrl(parseAddress(address)));
    socket.on('error', () => undefined);
    socket.on('open', () => {
      const pair = newKeyPair();
      const first = hello('trainer', pair, randomBytes(32));
      socket.send(sent % 3 === 0 ? 'x'.repeat(2000) : JSON.stringify(first));
      socket.once('message', (data) => {
        const proved = prove(first, JSON.parse(String(data)), pair);
        if (typeof proved !== 'string') socket.send(JSON.stringify(proved.proof));
      });
    });
    open.add({ destroy: () => socket.terminate() });
    sent++;
    await sleep(2);
  }
  for (const socket of open) socket.destroy();
}

/** Keeps to so much of a processor by what it was given of it, not by the clock: others may run meanwhile. */
async function burn(): Promise<void> {
  const [began, before] = [performance.now(), processorSeconds()];
  while (performance.now() < end) {
    const target = before + (Number(share) * (performance.now() - began)) / 1000;
    while (processorSeconds() < target) Math.sqrt(target);
    await sleep(1);
  }
}

if (kind === 'burn') await burn();
else if (kind === 'stranger') await asStranger();
else if (kind === 'idle') await attack('trainer', true, asIdleTrainer);
else await attack('viewer', kind === 'flood', asViewer);
process.stdout.write(`${JSON.stringify({ cpu: used, sent })}\n`);
process.exit(0);
