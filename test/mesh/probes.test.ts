/** The gateway measures a trainer's link over real sockets, behind lines that are slower than they are. */
import { EventEmitter } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { connectEmulated, emulatedLink } from '../../runtime/net/emulated-socket.ts';
import { answerProbes } from '../../runtime/net/probe-link.ts';
import { type ProbedLink, Probes } from '../../runtime/net/probes.ts';
import { decodeHead, encodeProbe, PROBE } from '../../runtime/wire/routing.ts';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

const [UP, DOWN, DELAY] = [500_000, 1_000_000, 40];

test('uplink, downlink and round trip of an idle trainer are at most those of its line', async () => {
  const server = createServer();
  const sockets = new WebSocketServer({ server, perMessageDeflate: false });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const link = emulatedLink({ up: UP, down: DOWN, delay: DELAY });
  const accepted = new Promise<WebSocket>((resolve) => sockets.once('connection', resolve));
  const client = new WebSocket(`ws://127.0.0.1:${port}`, { createConnection: connectEmulated(link, false) });
  closing.push(
    () => client.terminate(),
    () => sockets.close(),
    () => server.close(),
  );
  const socket = await accepted;
  const measured = new Promise<ProbedLink>((resolve) => {
    const probes = new Probes({ may: () => true, measured: (_key, found) => resolve(found) });
    const peer = { key: 'a', role: 'trainer', socket };
    socket.on('message', (data: Buffer, binary: boolean) => {
      if (binary) expect(probes.piece(peer, data.length)).toBe(true);
      else void probes.grant(peer).then((grant) => socket.send(JSON.stringify(grant)));
    });
  });
  let ended = false;
  closing.push(() => {
    ended = true;
  });
  const asked = {
    ask: () =>
      new Promise<unknown>((resolve) => {
        const take = (data: Buffer, binary: boolean): void => {
          if (binary) return;
          client.off('message', take);
          resolve(JSON.parse(String(data)));
        };
        client.on('message', take);
        client.send('probe');
      }),
    sendBorder: (packet: Uint8Array): boolean => {
      client.send(packet);
      return true;
    },
  };
  await new Promise((resolve) => client.once('open', resolve));
  void answerProbes({ link: asked, idle: () => true, ended: () => ended });
  const { upload, download, roundTrip } = await measured;
  // A machine that is busy makes all of it slower, and nothing makes it faster.
  expect(upload).toBeGreaterThan(0);
  expect(upload).toBeLessThan(1.3 * UP);
  expect(download).toBeLessThan(1.3 * DOWN);
  expect(roundTrip).toBeGreaterThanOrEqual(DELAY / 2 - 1);
}, 60_000);

test('a client that is not a trainer, or may not be one now, is not measured', async () => {
  const probes = new Probes({ may: () => false, measured: () => undefined });
  const socket = {} as WebSocket;
  await expect(probes.grant({ key: 'v', role: 'viewer', socket })).rejects.toMatchObject({ code: 'mesh/forbidden' });
  expect((await probes.grant({ key: 'a', role: 'trainer', socket })).bytes).toBe(0);
  expect(probes.piece({ socket }, 1000)).toBe(false);
});

test('a probe is distinguished from border packets and blobs', () => {
  expect(decodeHead(encodeProbe(new Uint8Array(2000)))).toMatchObject({ kind: PROBE });
});

test('trainers whose turn it is not ask the later the more of them there are', async () => {
  let now = 0;
  const probes = new Probes({ may: () => true, measured: () => undefined, now: () => now });
  const silent = new SilentSocket();
  const peer = (key: string) => ({ key, role: 'trainer', socket: silent as unknown as WebSocket });
  const first = probes.grant(peer('measured'));
  const waits = async (count: number): Promise<number[]> => {
    const found: number[] = [];
    for (let i = 0; i < count; i++) found.push((await probes.grant(peer(`waits ${i}`))).again);
    return found;
  };
  expect(await waits(3)).toEqual([300, 600, 900]);
  // Asking once more is no other one that waits.
  expect(await waits(3)).toEqual([900, 900, 900]);
  expect((await waits(100)).at(-1)).toBe(12_000);
  now += 61_000;
  expect(await waits(1)).toEqual([300]);
  silent.emit('close');
  expect(await first).toMatchObject({ bytes: 0 });
});

/** Of a trainer that answers nothing. */
class SilentSocket extends EventEmitter {
  readonly OPEN = 1;
  readonly readyState = 1;
  ping(): void {
    // Nothing comes of it.
  }
}
