/** Frames, messages and handshakes damaged at random: refused, never applied, never a crash. */
import canonicalize from 'canonicalize';
import { expect, test } from 'vitest';
import { keyPairFromSeed } from '../../runtime/identity/ed25519.ts';
import { Envelopes } from '../../runtime/wire/envelope.ts';
import { accept, challenge, hello, prove } from '../../runtime/wire/handshake.ts';
import { decodePacket, encodePacket } from '../../runtime/wire/header.ts';
import type { Message } from '../../runtime/wire/messages.ts';
import { decodeHead } from '../../runtime/wire/routing.ts';
import { type RandomStream, stream } from '../../spec/random.ts';
import { ends, frameOf, PLAN, runTag, seeded } from '../mesh/networked.ts';

/** `NMC_FUZZ=100000` for the long form. */
const RUNS = Number(process.env.NMC_FUZZ ?? 2000);

class Rng {
  readonly #stream: RandomStream;
  #at = 0;
  constructor(seed: number) {
    this.#stream = stream(seed, 'wire fuzz');
  }
  below(n: number): number {
    return this.#stream.bits(this.#at++) % n;
  }
}

/** Bits changed, bytes cut, doubled, made up. */
function damaged(bytes: Uint8Array, rng: Rng): Uint8Array {
  const copy = [...bytes];
  for (let times = 1 + rng.below(4); times > 0; times--) {
    const at = rng.below(copy.length + 1);
    switch (rng.below(5)) {
      case 0:
        copy[at % Math.max(1, copy.length)] = rng.below(256);
        break;
      case 1:
        copy.splice(at, 1 + rng.below(20));
        break;
      case 2:
        copy.splice(at, 0, ...copy.slice(at, at + rng.below(40)));
        break;
      case 3:
        copy.length = at;
        break;
      default:
        copy.splice(at, 0, ...Array.from({ length: rng.below(8) }, () => rng.below(256)));
    }
  }
  return Uint8Array.from(copy);
}

test(`${RUNS} damaged border packets change nothing`, () => {
  const rng = new Rng(1);
  const { a, b, rekey } = ends();
  const begin = rekey(0);
  for (const packet of begin.fromA) b.receive(packet);
  const [sound] = a.send(frameOf(5, 0, 0)) as [Uint8Array];
  for (let i = 0; i < RUNS; i++) {
    const packet = damaged(sound, rng);
    if (Buffer.from(packet).equals(sound)) continue;
    const received = b.receive(packet);
    expect(received.frames).toEqual([]);
    expect(received.packets.length).toBeLessThanOrEqual(1);
  }
  // What was refused has changed nothing: the sound one still counts.
  expect(b.receive(sound).frames).toHaveLength(1);
});

test(`${RUNS} damaged heads and headers are read within their bytes`, () => {
  const rng = new Rng(2);
  const header = {
    kind: 'data',
    codec: 'f32',
    direction: 0,
    phase: 0,
    run: runTag,
    plan: PLAN,
    term: 1,
    border: 1,
  } as const;
  const rest = { batch: 0, microbatch: 0, tick: 0, consumed: 0, sequence: 0, chunk: 0, chunks: 1 };
  const sound = encodePacket({ ...header, ...rest }, Uint8Array.of(1, 2, 3, 4));
  for (let i = 0; i < RUNS; i++) {
    const bytes = damaged(sound, rng);
    const packet = decodePacket(bytes);
    if (packet) expect(packet.payload.length).toBeLessThanOrEqual(bytes.length);
    decodeHead(bytes);
  }
});

test(`${RUNS} damaged control messages are refused`, () => {
  const rng = new Rng(3);
  const [dialler, listener] = [keyPairFromSeed(seeded(1)), keyPairFromSeed(seeded(2))];
  const first = hello('trainer', dialler, seeded(5));
  const second = challenge(first, listener, seeded(6));
  if (typeof second === 'string') throw new Error(second);
  const third = prove(first, second.challenge, dialler);
  if (typeof third === 'string') throw new Error(third);
  const [from, to] = [new Envelopes(third.session, dialler), new Envelopes(second.session, listener)];
  const message: Message = {
    type: 'part',
    run: 'a',
    term: 1,
    shard: 0,
    calls: 3,
    blob: '0'.repeat(64),
    hash: '1'.repeat(64),
    totals: { 'energy.h': 1.5 },
    signature: '2'.repeat(128),
  };
  const sound = from.seal(message);
  const bytes = new TextEncoder().encode(sound);
  for (let i = 0; i < RUNS; i++) {
    const text = new TextDecoder().decode(damaged(bytes, rng));
    // The same in other words is the same.
    if (canonical(text) !== canonical(sound)) expect(typeof to.open(text)).toBe('string');
  }
  expect(to.open(sound)).toMatchObject(message);
  for (let i = 0; i < Math.min(RUNS, 5000); i++) {
    const value = parsed(new TextDecoder().decode(damaged(new TextEncoder().encode(JSON.stringify(third.proof)), rng)));
    if (JSON.stringify(value) !== JSON.stringify(third.proof)) {
      const verdict = accept(second.session, value, listener.publicKey, () => undefined);
      // Fields of a newer version may be added, but the signature has to hold.
      if (typeof verdict !== 'string') expect(value).toMatchObject({ sig: third.proof.sig });
    }
    challenge(value, listener, seeded(9));
    prove(first, value, dialler);
  }
});

const canonical = (text: string): string | undefined => canonicalize(parsed(text) ?? null);

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
