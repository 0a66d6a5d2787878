/** Costs of a border frame: sealed, through a socket of this machine, opened and acknowledged. */
import { randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import type { Costs } from '../../../spec/costs.ts';
import { newKeyPair } from '../../identity/ed25519.ts';
import { noMask } from '../../net/dial.ts';
import { borderKeys, newEphemeral, signExchange } from '../../wire/border-keys.ts';
import { BorderChannel } from '../../wire/channel.ts';
import { MAX_BINARY_BYTES } from '../../wire/routing.ts';
import { quartileOf } from './measure.ts';

const PLACE = { run: 'measuring', term: 1 };
/** Values in the frames of each message. */
const LENGTHS = [64, 32 * 1024] as const;
const BYTES = 4;
const RUNS = 21;

/** Both ends' share together. */
export async function borderCosts(): Promise<Pick<Costs, 'frame' | 'frameByte'> & { readonly window: number }> {
  const server = new WebSocketServer({
    host: '127.0.0.1',
    port: 0,
    maxPayload: MAX_BINARY_BYTES,
    perMessageDeflate: false,
  });
  try {
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    const incoming = new Promise<WebSocket>((resolve) => server.once('connection', resolve));
    const out = new WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: false, generateMask: noMask });
    await new Promise((resolve) => out.once('open', resolve));
    const [small, large] = await times(out, await incoming);
    const frameByte = Math.max(0, large - small) / (BYTES * (LENGTHS[1] - LENGTHS[0]));
    out.terminate();
    return { frame: small, frameByte, window: await windowSeconds() };
  } finally {
    for (const socket of server.clients) socket.terminate();
    server.close();
  }
}

async function times(out: WebSocket, incoming: WebSocket): Promise<[number, number]> {
  const { sender, receiver } = twoEnds();
  let arrived: () => void = () => undefined;
  incoming.on('message', (packet: Buffer) => {
    const { frames, packets } = receiver.receive(packet, 'direct');
    for (const answer of packets) incoming.send(answer);
    if (frames.length > 0) arrived();
  });
  out.on('message', (packet: Buffer) => {
    for (const more of sender.receive(packet, 'direct').packets) out.send(more);
  });
  let callIndex = 0;
  const seconds = async (message: 0 | 1): Promise<number> => {
    const values = [new Float32Array(LENGTHS[message]).fill(0.5)];
    const one = (): Promise<void> =>
      new Promise((resolve) => {
        arrived = resolve;
        for (const packet of sender.send({ message, callIndex: callIndex++, microbatch: 0, tick: 0, values }))
          out.send(packet);
      });
    return (await quartileOf(one, RUNS)) / 1000;
  };
  return [await seconds(0), await seconds(1)];
}

/** A call's end: the sender signs, the receiver checks and signs, the sender checks that. Nothing is sent. */
async function windowSeconds(): Promise<number> {
  const { sender, receiver } = twoEnds();
  let callIndex = 0;
  const one = async (): Promise<void> => {
    const call = callIndex++;
    const values = [new Float32Array(LENGTHS[0]).fill(0.5)];
    const frames = sender.send({ message: 0, callIndex: call, microbatch: 0, tick: 0, values });
    let packets: readonly Uint8Array[] = [...frames, ...sender.closeWindow(call)];
    for (let [here, there] = [receiver, sender]; packets.length > 0; [here, there] = [there, here])
      packets = packets.flatMap((packet) => here.receive(packet, 'direct').packets);
  };
  return (await quartileOf(one, RUNS)) / 1000;
}

function twoEnds(): { readonly sender: BorderChannel; readonly receiver: BorderChannel } {
  const identities = [newKeyPair(), newKeyPair()] as const;
  const ephemerals = [newEphemeral(0, randomBytes(32)), newEphemeral(0, randomBytes(32))] as const;
  const exchanges = [0, 1].map((i) => signExchange(PLACE, i, ephemerals[i as 0 | 1], identities[i as 0 | 1]));
  const [sender, receiver] = ([0, 1] as const).map((own) => {
    const channel = new BorderChannel({
      run: PLACE.run,
      runTag: new Uint8Array(16),
      plan: new Uint8Array(32),
      term: PLACE.term,
      own,
      peer: 1 - own,
      keys: identities[own],
      codec: 'f32',
      lengthsOf: (message) => (message in LENGTHS ? [LENGTHS[message as 0 | 1]] : undefined),
    });
    const [mine, theirs] = [exchanges[own], exchanges[1 - own]];
    const keys = mine && theirs && borderKeys(PLACE, ephemerals[own], mine, theirs);
    if (!keys || !theirs) throw new Error('two ends of this process agree on no keys');
    channel.rekey(keys, theirs.key);
    return channel;
  }) as [BorderChannel, BorderChannel];
  return { sender, receiver };
}
