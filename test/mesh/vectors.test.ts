/** `spec/vectors/wire.json`: what another implementation has to produce. `UPDATE_GOLDEN=1` writes it anew. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { keyPairFromSeed } from '../../runtime/identity/ed25519.ts';
import { keyText } from '../../runtime/identity/key-text.ts';
import { borderKeys, newEphemeral, signExchange, withListen } from '../../runtime/wire/border-keys.ts';
import { BORDER_CODECS, encodeValues, isPacked } from '../../runtime/wire/codec.ts';
import { Envelopes } from '../../runtime/wire/envelope.ts';
import { rootEvidence, valuesEvidence, verdictOn } from '../../runtime/wire/evidence.ts';
import { CallPackets } from '../../runtime/wire/frame-chain.ts';
import { toHalf } from '../../runtime/wire/half.ts';
import { accept, challenge, hello, prove } from '../../runtime/wire/handshake.ts';
import { hex } from '../../runtime/wire/hash.ts';
import { encodePacket } from '../../runtime/wire/header.ts';
import { leafOf, rootOf } from '../../runtime/wire/merkle.ts';
import { FramePacker } from '../../runtime/wire/packer.ts';
import { signWindow } from '../../runtime/wire/window.ts';
import type { ShardSchedule } from '../../spec/schedule.ts';
import { ROOT } from '../support/repository.ts';
import { ends, frameOf, PLAN, RUN, runTag, seeded, TERM } from './networked.ts';

const FILE = join(ROOT, 'spec/vectors/wire.json');
const INVITE = { id: 'a1', secret: 'ab'.repeat(32) };

function handshake(): Record<string, unknown> {
  const [dialler, listener] = [keyPairFromSeed(seeded(1)), keyPairFromSeed(seeded(2))];
  const first = hello('trainer', dialler, seeded(5));
  const second = challenge(first, listener, seeded(6));
  if (typeof second === 'string') throw new Error(second);
  const third = prove(first, second.challenge, dialler, listener.publicKey, INVITE);
  if (typeof third === 'string') throw new Error(third);
  const { publicKey } = keyPairFromSeed(new Uint8Array(Buffer.from(INVITE.secret, 'hex')));
  expect(accept(second.session, third.proof, listener.publicKey, () => publicKey)).toEqual({ invite: 'a1' });
  const message = new Envelopes(third.session, dialler).seal({ type: 'heartbeat', shards: [], refused: 0 });
  return {
    seeds: { dialler: hex(seeded(1)), listener: hex(seeded(2)) },
    keys: { dialler: keyText(dialler.publicKey), listener: keyText(listener.publicKey) },
    invite: INVITE,
    hello: first,
    challenge: second.challenge,
    proof: third.proof,
    session: hex(third.session.id),
    firstMessage: JSON.parse(message),
  };
}

function border(): Record<string, unknown> {
  const place = { run: RUN, term: TERM };
  const keys = [keyPairFromSeed(seeded(1)), keyPairFromSeed(seeded(2))];
  const ephemerals = [newEphemeral(0, seeded(100)), newEphemeral(0, seeded(101))];
  const exchanges = ephemerals.map((e, i) => signExchange(place, i, e, keys[i] as never));
  const agreed = borderKeys(place, ephemerals[0] as never, exchanges[0] as never, exchanges[1] as never);
  const { a, rekey } = ends();
  const { fromA } = rekey(0);
  const frame = frameOf(5, 2, 3);
  const [packet] = a.send(frame);
  const { callIndex, values, ...rest } = frame;
  return {
    place,
    plan: hex(seeded(9)),
    ephemeralSeeds: [hex(seeded(100)), hex(seeded(101))],
    exchanges,
    listening: withListen(
      place,
      exchanges[0] as never,
      { address: '192.168.0.3:7421', machine: 'one' },
      keys[0] as never,
    ),
    keysId: agreed?.id,
    resume: hex(fromA[0] ?? new Uint8Array(0)),
    // The vectors call the index of a call as the packets do.
    frame: { ...rest, sequence: callIndex, values: values.map((v) => [...v]) },
    packet: hex(packet ?? new Uint8Array(0)),
  };
}

/** Signatures of shard 0 in call 2, and the proof from them that it lied. */
function proofs(): Record<string, unknown> {
  const [place, keys] = [{ run: RUN, term: TERM }, keyPairFromSeed(seeded(1))];
  const call = new CallPackets({ ...place, from: 0, to: 1, call: 2 });
  const header = { kind: 'data', codec: 'f32', direction: 0, phase: 1, run: runTag, plan: PLAN, term: TERM } as const;
  const rest = { border: 5, batch: 2, microbatch: 0, consumed: 0, chunk: 0, chunks: 1 };
  const packets = [0.5, Number.NaN, 0.25].map((value, tick) =>
    encodePacket({ ...header, ...rest, tick, sequence: tick }, encodeValues([Float32Array.of(value)], 'f32')),
  );
  const chains = packets.map((packet) => {
    call.append(packet);
    return call.chain;
  });
  const { start, leaves } = call;
  const signature = call.sign(keys) as Uint8Array;
  const between = { ...place, own: 0, peer: 1 };
  const evidence = {
    values: valuesEvidence(chains[0] as never, packets[1] as never, leaves.slice(2), 3, signature),
    root: rootEvidence(leaves, signature, signWindow(between, 2, 0, leaves.toReversed(), keys)),
  };
  for (const what of ['values', 'root'] as const)
    expect(
      verdictOn(place, keyText(keys.publicKey), { shard: 1, peer: 0, call: 2, what, evidence: evidence[what] }),
    ).toBe('proved');
  const window = signWindow(between, 2, 0, leaves, keys);
  return {
    packets: packets.map(hex),
    start: hex(start),
    chain: hex(call.chain),
    sig: hex(signature),
    window,
    ...evidence,
  };
}

function smallThings(): Record<string, unknown> {
  const leaves = ['a', 'b', 'c'].map((t) => leafOf(new TextEncoder().encode(t)));
  const halves = [0, 1, -2, 0.1, 65504, 65520, 6e-8, 1 / 3].map((x) => [x, toHalf(x)]);
  return { merkle: { leaves: ['a', 'b', 'c'], root: hex(rootOf(leaves)) }, halves };
}

/** Two frames of each codec that packs: a wide value, a narrow one, and a sum. */
function packedFrames(): Record<string, unknown> {
  const values = [2, 2, 0].map((samples, i) => ({ name: `v${i}`, shape: samples ? [samples, i ? 3 : 32] : [] }));
  const stage = { name: 'tick', repeat: 2, firstTick: 0, begin: [], next: [], end: [] };
  const schedule: ShardSchedule = {
    ...{ shard: 0, messages: [{ id: 5, from: 0, to: 1, values }] },
    functions: [
      {
        ...{ name: 'train', batch: 2, inputs: [], results: [] },
        stages: [{ ...stage, segments: [{ receive: [], send: [5] }] }],
      },
    ],
  };
  const numbers = (tick: number): Float32Array[] =>
    [64, 6, 1].map((size) =>
      Float32Array.from({ length: size }, (_, i) => 1 + i / 8 + (tick * ((i * 37) % 64)) / 1024),
    );
  const sent = [numbers(0), numbers(1)];
  const payloads = BORDER_CODECS.filter(isPacked).map((codec) => {
    const packer = new FramePacker(codec, schedule);
    const frames = sent.map((all, tick) => packer.pack({ message: 5, callIndex: 0, microbatch: 0, tick, values: all }));
    return [codec, frames.map(({ payload }) => hex(payload))] as const;
  });
  return { shapes: values.map(({ shape }) => shape), values: sent.map((all) => all.map((v) => [...v])), payloads };
}

test('handshake, message, border and codecs give the bytes of the test vectors', () => {
  const made = {
    format: 'nmc-wire-vectors-1',
    handshake: handshake(),
    border: border(),
    proofs: proofs(),
    packed: packedFrames(),
    ...smallThings(),
  };
  const text = `${JSON.stringify(made, null, 2)}\n`;
  if (process.env.UPDATE_GOLDEN) writeFileSync(FILE, text);
  expect(JSON.parse(readFileSync(FILE, 'utf8'))).toEqual(JSON.parse(text));
});
