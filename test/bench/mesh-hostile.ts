/**
 * A peer that does its worst, for the bench: `mesh-hostile flood|silent|burn ADDRESS KEYS SECONDS SHARE`. It floods the
 * gateway with questions and made-up frames, or asks and never reads the answers, or only uses as much of a processor
 * as was asked for. Ends with `{"cpu": SECONDS, "sent": MESSAGES}`, the seconds of processor so far at the end of
 * each second.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { readKey } from '../../runtime/identity/key-file.ts';
import { addressUrl, parseAddress } from '../../runtime/net/address.ts';
import { Envelopes } from '../../runtime/wire/envelope.ts';
import { hello, prove } from '../../runtime/wire/handshake.ts';
import { encodeBorderHead } from '../../runtime/wire/routing.ts';

const [kind = '', address = '', keys = '', seconds = '5', share = '0'] = process.argv.slice(2);
const end = performance.now() + Number(seconds) * 1000;
/** Bytes that wait here: more would only fill this machine's memory. */
const MOST_WAITING = 1024 * 1024;
let sent = 0;
/** Processor seconds so far, at the end of each second. */
const used: number[] = [];
const processorSeconds = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};
setInterval(() => used.push(processorSeconds()), 1000).unref();

async function connect(): Promise<{ socket: WebSocket; envelopes: Envelopes }> {
  const pair = readKey(keys);
  const socket = new WebSocket(addressUrl(parseAddress(address)));
  const first = hello('viewer', pair, randomBytes(32));
  const envelopes = await new Promise<Envelopes>((resolve, reject) => {
    socket.on('open', () => socket.send(JSON.stringify(first)));
    socket.on('error', reject);
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

async function attack(reads: boolean): Promise<void> {
  const head = encodeBorderHead({ run: new Uint8Array(16), term: 1, from: 0, to: 1, keys: 0, counter: 0 });
  const frame = Buffer.concat([head, Buffer.alloc(4096)]);
  while (performance.now() < end) {
    const { socket, envelopes } = await connect();
    if (!reads) socket.pause();
    while (performance.now() < end && socket.readyState === WebSocket.OPEN) {
      for (let i = 0; i < 20 && socket.bufferedAmount < MOST_WAITING; i++) {
        socket.send(envelopes.seal({ type: 'ask', id: ++sent, ask: { what: 'status' } }));
        if (reads) socket.send(frame);
      }
      await sleep(1);
    }
    socket.terminate();
  }
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
else await attack(kind === 'flood');
process.stdout.write(`${JSON.stringify({ cpu: used, sent })}\n`);
process.exit(0);
