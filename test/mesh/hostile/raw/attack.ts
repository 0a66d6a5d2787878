/** Hostile packets over raw sockets: at a listener, from before its handshake and from behind it, and at a dialler. */
import { randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { createServer, type Server, type Socket } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import type { KeyPair } from '../../../../runtime/identity/ed25519.ts';
import { accept, challenge, hello, type Role } from '../../../../runtime/wire/handshake.ts';
import { RawSocket, Signer, upgradeText } from './connection.ts';
import { BINARY, frameOf, TEXT, wrongBinary, wrongFrames } from './frames.ts';
import { mutated, soundMessage, textOf } from './messages.ts';
import { Rng } from './rng.ts';

export interface Attack {
  readonly port: number;
  readonly packets: number;
  readonly seed: number;
  /** Who is let in. */
  readonly keys: readonly { readonly role: Role; readonly keys: KeyPair }[];
  /** Connections at a time. */
  readonly together?: number;
  /** Nothing is told apart from chance behind this: an HTTP server without WebSocket. */
  readonly http?: boolean;
}

/** Messages that end a process, or let a trainer go, because somebody may ask for that. */
const ASKED_FOR = /"shutdown"|"dismissed"/;
const SOURCES = 60;
const MAX_PACKETS = 6;
/** Milliseconds for the other end to close behind the last packet. */
const FAREWELL = 2000;

/** @returns how many connections were let in */
export async function attackListener(attack: Attack): Promise<number> {
  let [left, task, letIn] = [attack.packets, 0, 0];
  const worker = async (): Promise<void> => {
    while (left > 0) {
      const rng = new Rng(attack.seed, `connection ${task++}`);
      const budget = Math.min(left, 1 + rng.below(MAX_PACKETS));
      left -= budget;
      const socket = new RawSocket(attack.port, `127.0.0.${2 + rng.below(SOURCES)}`);
      if (attack.http === true) sendHttp(socket, rng, budget);
      else if (attack.keys.length === 0 || rng.below(5) < 2) await asStranger(socket, rng, budget);
      else if (await asListed(socket, rng, budget, attack)) letIn++;
      if (!socket.isClosed) socket.socket.end();
      await Promise.race([socket.closed, new Promise((resolve) => setTimeout(resolve, FAREWELL).unref())]);
      socket.end();
    }
  };
  await Promise.all(Array.from({ length: attack.together ?? 12 }, worker));
  return letIn;
}

async function asStranger(socket: RawSocket, rng: Rng, packets: number): Promise<void> {
  if (rng.below(6) === 0) {
    sendHttp(socket, rng, packets);
    return;
  }
  if (!(await socket.upgrade())) return;
  const role = rng.of(['operator', 'trainer', 'viewer'] as const);
  for (let i = 0; i < packets && !socket.isClosed; i++) {
    const first = { ...hello(role, { publicKey: rng.bytes(32), secretKey: rng.bytes(64) }, rng.bytes(32)) };
    const proof = { v: '3.0', type: 'proof', sig: rng.bytes(64).toString('hex'), invite: { id: 'a', proof: 'b' } };
    switch (rng.below(5)) {
      case 0:
        // The proof follows without having read the challenge.
        socket.sendText(JSON.stringify(first));
        socket.sendText(textOf(mutated(proof, rng)));
        break;
      case 1:
        socket.send(frameOf({ opcode: BINARY, payload: wrongBinary(rng) }));
        break;
      case 2:
        socket.send(wrongFrames(rng, true));
        break;
      default:
        socket.sendText(textOf(mutated(rng.below(4) === 0 ? soundMessage(rng) : first, rng)));
    }
  }
}

async function asListed(socket: RawSocket, rng: Rng, packets: number, { keys }: Attack): Promise<boolean> {
  const who = rng.of(keys);
  const signer = await socket.shakeHands(who.role, who.keys);
  if (!signer) return false;
  for (let i = 0; i < packets && !socket.isClosed; i++) socket.send(packetOf(rng, signer, true));
  return true;
}

/** Behind the handshake: sound and unsound messages, signed or not, and everything else. */
function packetOf(rng: Rng, signer: Signer, masked: boolean): Buffer {
  const kind = rng.below(10);
  if (kind === 0) return wrongFrames(rng, masked);
  if (kind < 3) return frameOf({ opcode: BINARY, payload: wrongBinary(rng), masked });
  const sound = soundMessage(rng);
  const message = kind < 6 ? sound : mutated(sound, rng);
  const textFor = (seq: number): string => textOf({ ...message, ...('seq' in message ? { seq } : {}) });
  if (ASKED_FOR.test(textFor(0))) return frameOf({ opcode: TEXT, payload: rng.bytes(9), masked });
  const text = kind === 9 ? textFor(rng.below(3)) : signer.seal(textFor);
  return frameOf({ opcode: TEXT, payload: Buffer.from(text), masked });
}

const HEADERS = [
  'Origin: https://evil.example',
  'Host: evil.example',
  'Content-Length: 99999999999',
  'Content-Length: -1',
  'Transfer-Encoding: chunked',
  'Sec-WebSocket-Version: 8',
  'Sec-WebSocket-Key: x',
  'Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=1',
  'Sec-WebSocket-Protocol: a, b, \u0001',
  'Upgrade: h2c',
  'Expect: 100-continue',
  'Authorization: Bearer \u00ff',
] as const;

function sendHttp(socket: RawSocket, rng: Rng, packets: number): void {
  for (let i = 0; i < packets; i++) {
    switch (rng.below(6)) {
      case 0:
        socket.send(rng.bytes(rng.below(600)));
        break;
      case 1:
        socket.send(upgradeText(...Array.from({ length: rng.below(4) }, () => rng.of(HEADERS))));
        break;
      case 2:
        socket.send(`GET /${'a'.repeat(rng.below(30_000))} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
        break;
      case 3:
        socket.send(`POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n`);
        socket.send(bodyOf(textOf(mutated({ inputs: { x: [[1, 2]] }, samples: [[0]], v: 1 }, rng))));
        break;
      case 4:
        socket.send(
          `POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\n${rng.of(HEADERS)}\r\n\r\n${'x'.repeat(rng.below(99))}`,
        );
        break;
      default:
        socket.send(
          `${rng.of(['GET', 'PUT', 'TRACE', 'CONNECT', '\u0000'])} ${rng.of(['*', '/metrics', '//', 'x'])} HTTP/1.${rng.below(3)}\r\n\r\n`,
        );
    }
  }
}

function bodyOf(text: string): string {
  return `Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`;
}

export interface HostileListener {
  readonly port: number;
  readonly sent: () => number;
  readonly connections: () => number;
  /** From now on nobody is served well. */
  turn(): void;
  close(): Promise<void>;
}

/** A mesh that somebody was led to: honest until it turns, then each connection is met with something else. */
export async function hostileListener(keys: KeyPair, seed: number): Promise<HostileListener> {
  let [sent, connections, hostile] = [0, 0, false];
  const sockets = new Set<Socket>();
  const meshes = new WebSocketServer({ noServer: true });
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    const rng = new Rng(seed, `dialler ${connections++}`);
    const stage = hostile ? rng.below(5) : 4;
    if (stage > 0) {
      http.emit('connection', socket);
      stages.set(socket, { stage, rng });
      return;
    }
    sent++;
    socket.end(
      Buffer.concat([
        Buffer.from(rng.of(['HTTP/1.1 101 \r\n\r\n', 'HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n', ''])),
        rng.bytes(300),
      ]),
    );
  });
  const stages = new WeakMap<Socket, { readonly stage: number; readonly rng: Rng }>();
  const { createServer: createHttp } = await import('node:http');
  const http = createHttp();
  http.on('upgrade', (request, socket, head) => {
    meshes.handleUpgrade(request, socket, head, (connection) => {
      const { stage = 4, rng = new Rng(seed, 'lost') } = stages.get(request.socket) ?? {};
      meet(
        connection,
        keys,
        stage,
        rng,
        () => hostile,
        (count) => {
          sent += count;
        },
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    sent: () => sent,
    connections: () => connections,
    turn: () => {
      hostile = true;
      for (const socket of sockets) socket.destroy();
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function meet(
  socket: WebSocket,
  keys: KeyPair,
  stage: number,
  rng: Rng,
  hostile: () => boolean,
  count: (packets: number) => void,
): void {
  const tcp = (socket as unknown as { readonly _socket: Socket })._socket;
  let steps = 0;
  let session: Exclude<ReturnType<typeof challenge>, string>['session'] | undefined;
  const strike = (signer: Signer | undefined): void => {
    const packets = 1 + rng.below(MAX_PACKETS);
    for (let i = 0; i < packets; i++) {
      const packet = signer
        ? packetOf(rng, signer, false)
        : rng.below(2) === 0
          ? wrongFrames(rng, false)
          : frameOf({
              opcode: TEXT,
              payload: Buffer.from(textOf(mutated(soundMessage(rng), rng))),
              masked: false,
            });
      if (tcp.writable) tcp.write(packet);
    }
    count(packets);
    setTimeout(() => tcp.destroy(), 50).unref();
  };
  socket.on('error', () => undefined);
  socket.on('message', (data: Buffer) => {
    steps++;
    if (steps === 1) {
      if (stage === 1) return strike(undefined);
      const answer = challenge(JSON.parse(String(data)), keys, randomBytes(32));
      if (typeof answer === 'string') return socket.terminate();
      session = answer.session;
      const told = stage === 2 ? textOf(mutated({ ...answer.challenge }, rng)) : JSON.stringify(answer.challenge);
      if (stage === 2) count(1);
      return socket.send(told);
    }
    if (steps > 2 || !session) return undefined;
    if (typeof accept(session, JSON.parse(String(data)), keys.publicKey, () => undefined) === 'string')
      return socket.terminate();
    if (stage === 3) return strike(undefined);
    socket.send(JSON.stringify({ v: '3.0', type: 'welcome' }));
    const signer = new Signer(session, keys);
    return hostile() ? strike(signer) : undefined;
  });
}
