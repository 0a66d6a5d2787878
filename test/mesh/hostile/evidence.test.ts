/** Proof of lies on a border: what a sender has signed convicts it, and nothing else convicts anybody. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type KeyPair, keyPairFromSeed } from '../../../runtime/identity/ed25519.ts';
import { keyText } from '../../../runtime/identity/key-text.ts';
import { MAX_BORDER_VALUE, sendProblem, valueProblem } from '../../../runtime/wire/border-values.ts';
import { encodeValues, type PlainCodec } from '../../../runtime/wire/codec.ts';
import {
  type Accusation,
  MAX_EVIDENCE_LEAVES,
  type RootEvidence,
  rootEvidence,
  type ValuesEvidence,
  valuesEvidence,
  verdictOn,
} from '../../../runtime/wire/evidence.ts';
import { chainNext, chainStart, signChain } from '../../../runtime/wire/frame-chain.ts';
import { encodePacket, type Header, MAX_PAYLOAD_BYTES } from '../../../runtime/wire/header.ts';
import { leafOf } from '../../../runtime/wire/merkle.ts';
import { signWindow, type Window } from '../../../runtime/wire/window.ts';
import { PLAN, RUN, runTag, seeded, TERM } from '../networked.ts';

const [sender, receiver] = [1, 2].map((n) => keyPairFromSeed(seeded(n))) as [KeyPair, KeyPair];
const PLACE = { run: RUN, term: TERM };
/** The accused is shard 4, the accuser shard 2. */
const [FROM, TO, CALL] = [4, 2, 7];
const STRETCH = { ...PLACE, from: FROM, to: TO, call: CALL };
const BORDER = { ...PLACE, own: FROM, peer: TO };

function packet(
  values: readonly number[],
  tick: number,
  codec: PlainCodec = 'f32',
  fields: Partial<Header> = {},
): Uint8Array {
  const header: Header = {
    ...{ kind: 'data', codec, direction: 1, phase: 0, run: runTag, plan: PLAN, term: TERM, border: 5, batch: CALL },
    ...{ microbatch: 0, tick, consumed: 0, sequence: tick, chunk: 0, chunks: 1 },
    ...fields,
  };
  return encodePacket(header, encodeValues([Float64Array.from(values)], codec));
}

/** Packets that an end has sent in a call, with its signatures behind each of them and over the window. */
function said(packets: readonly Uint8Array[], keys = sender, stretch = STRETCH) {
  const leaves = packets.map(leafOf);
  const start = chainStart(stretch);
  const chains = [start];
  for (const leaf of leaves) chains.push(chainNext(chains.at(-1) as Uint8Array, leaf));
  const signatures = chains.map((chain, n) => signChain(start, n, chain, keys));
  const window = signWindow(BORDER, stretch.call, 1, leaves, keys);
  const shown = (bad: number, at: number): ValuesEvidence =>
    valuesEvidence(
      chains[bad] as Uint8Array,
      packets[bad] as Uint8Array,
      leaves.slice(bad + 1, at),
      at,
      signatures[at] as Uint8Array,
    ) as ValuesEvidence;
  const against = (other: Window, n = leaves.length): RootEvidence =>
    rootEvidence(leaves.slice(0, n), signatures[n] as Uint8Array, other) as RootEvidence;
  return { packets, leaves, chains, signatures, window, shown, against };
}

const verdict = (what: Accusation['what'], evidence: unknown, more: Partial<Accusation> = {}, key = sender) =>
  verdictOn(PLACE, keyText(key.publicKey), { shard: TO, peer: FROM, call: CALL, what, evidence, ...more });

const finite = fc.double({ min: -1000, max: 1000, noNaN: true });
const codecs = fc.constantFrom<PlainCodec[]>('f32', 'f16', 'f64');
const sound = fc.tuple(fc.array(fc.array(finite, { maxLength: 5 }), { minLength: 1, maxLength: 8 }), codecs);

describe('the liar’s own signatures prove', () => {
  test('a value that is not finite or too large, at any place', () => {
    const bad = fc.oneof(
      fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY),
      fc.double({ min: 1.01 * MAX_BORDER_VALUE, max: 1e30, noNaN: true }),
    );
    fc.assert(
      fc.property(sound, bad, fc.nat(), fc.nat(), fc.nat(), (call, value, which, place, later) => {
        const [frames, codec] = call;
        const at = which % frames.length;
        const values = frames.map((v, i) => (i === at ? v.toSpliced(place % (v.length + 1), 0, value) : v));
        const honest = said(values.map((v, tick) => packet(v, tick, codec)));
        const signed = at + 1 + (later % (frames.length - at));
        expect(verdict('values', honest.shown(at, signed))).toBe('proved');
      }),
      { numRuns: 150, seed: 1 },
    );
  });

  test('a window over other packets, over other contents, or over fewer packets', () => {
    const call = said([packet([1], 0), packet([2], 1), packet([3], 2)]);
    const others = said([packet([1], 0), packet([2.5], 1), packet([3], 2)]);
    expect(verdict('root', call.against(others.window))).toBe('proved');
    const fewer = said(call.packets.slice(0, 2));
    expect(verdict('root', call.against(fewer.window))).toBe('proved');
    expect(verdict('root', call.against(said([]).window))).toBe('proved');
  });

  test('a lie in the largest call, within the size of a message', () => {
    const full = new Float32Array(MAX_PAYLOAD_BYTES / 4).fill(Number.NaN);
    const call = said([packet([...full], 0)]);
    const leaves = Array.from({ length: MAX_EVIDENCE_LEAVES }, () => seeded(3));
    const signature = call.signatures[1] as Uint8Array;
    const longest = valuesEvidence(seeded(1), call.packets[0] as Uint8Array, leaves, 9, signature);
    const root = rootEvidence(leaves, signature, call.window);
    for (const evidence of [longest, root]) expect(JSON.stringify(evidence).length).toBeLessThan(1_000_000);
    expect(valuesEvidence(seeded(1), seeded(1), [...leaves, seeded(3)], 9, signature)).toBeUndefined();
    expect(rootEvidence([...leaves, seeded(3)], signature, call.window)).toBeUndefined();
    expect(verdict('values', call.shown(0, 1))).toBe('proved');
  });
});

describe('an honest sender is never convicted', () => {
  test('by its own words, in any combination', () => {
    const pick = fc.tuple(fc.nat(), fc.nat(), fc.nat(), fc.nat(), fc.nat());
    fc.assert(
      fc.property(sound, pick, ([frames, codec], [a, b, c, d, e]) => {
        const one = said(frames.map((v, tick) => packet(v, tick, codec)));
        const n = one.packets.length;
        const lied: unknown[] = [
          one.shown(a % n, 1 + (b % n)),
          { ...one.shown(a % n, 1 + (b % n)), before: one.shown(c % n, 1 + (d % n)).before },
          { ...one.shown(a % n, n), packets: e % (n + 2) },
          { ...one.shown(a % n, n), sig: one.shown(b % n, 1 + (c % n)).sig },
          // Its own values, named after another codec: all bits may be a NaN in one of them.
          { ...one.shown(a % n, n), packet: recoded(one.packets[a % n] as Uint8Array, e % 3) },
        ];
        for (const evidence of lied) expect(verdict('values', evidence)).toBe('false');
        const roots: unknown[] = [
          one.against(one.window),
          one.against(one.window, a % (n + 1)),
          // The window of another call, and the one that it has signed as a reader of what the accuser sent.
          one.against({ ...signWindow(BORDER, CALL + 1, 1, [], sender), call: CALL }),
          one.against(signWindow(BORDER, CALL, 0, [], sender)),
          one.against(signWindow({ ...BORDER, term: TERM + 1 }, CALL, 1, [], sender)),
          one.against(signWindow({ ...BORDER, peer: 3 }, CALL, 1, [], sender)),
          one.against(signWindow(BORDER, CALL, 1, [], receiver)),
          { ...one.against(signWindow(BORDER, CALL, 1, one.leaves, sender)), leaves: '' },
        ];
        for (const evidence of roots) expect(verdict('root', evidence)).toBe('false');
      }),
      { numRuns: 150, seed: 2 },
    );
  });

  test('by packets that the accuser has made and signed, or that belong elsewhere', () => {
    const nan = packet([Number.NaN], 0);
    expect(verdict('values', said([nan], receiver).shown(0, 1))).toBe('false');
    const elsewhere = [{ term: TERM + 1 }, { call: CALL + 1 }, { from: 3 }, { to: 3 }, { run: 'another' }];
    for (const other of elsewhere) {
      const evidence = said([nan], sender, { ...STRETCH, ...other }).shown(0, 1);
      expect(verdict('values', evidence), JSON.stringify(other)).toBe('false');
    }
    // Signed for this call, but a packet of another: an honest reader would not have taken it.
    for (const header of [
      { batch: CALL + 1 },
      { direction: 0 },
      { kind: 'window' as const },
      { run: PLAN.slice(0, 16) },
    ])
      expect(verdict('values', said([packet([Number.NaN], 0, 'f32', header)]).shown(0, 1))).toBe('false');
  });

  test('by evidence that was changed at any place', () => {
    const proof = said([packet([1], 0), packet([Number.NaN], 1), packet([2], 2)]).shown(1, 3);
    expect(verdict('values', proof)).toBe('proved');
    const honest = said([packet([1], 0), packet([3], 1), packet([2], 2)]).shown(1, 3);
    const fields = ['before', 'packet', 'after', 'sig'] as const;
    fc.assert(
      fc.property(fc.constantFrom(...fields), fc.nat(), fc.constantFrom(...'0aF/9zA='), (field, at, letter) => {
        const text = honest[field];
        const bent = text.slice(0, at % text.length) + letter + text.slice((at % text.length) + 1);
        expect(verdict('values', { ...honest, [field]: bent })).toBe('false');
      }),
      { numRuns: 400, seed: 3 },
    );
  });

  test('by a window or leaves that were changed at any place', () => {
    const call = said([packet([1], 0), packet([3], 1), packet([2], 2)]);
    const honest = call.against(call.window);
    expect(verdict('root', call.against(said(call.packets.slice(1)).window))).toBe('proved');
    const change = fc.record({ at: fc.nat(), letter: fc.constantFrom(...'0aF/9z'), packets: fc.nat(5) });
    fc.assert(
      fc.property(
        change,
        fc.constantFrom('leaves', 'sig', 'root', 'windowSig', 'packets'),
        ({ at, letter, packets }, field) => {
          const bent = (text: string): string =>
            text.slice(0, at % text.length) + letter + text.slice((at % text.length) + 1);
          const { leaves, sig, window } = honest;
          const changed: Readonly<Record<string, object>> = {
            leaves: { ...honest, leaves: bent(leaves) },
            sig: { ...honest, sig: bent(sig) },
            root: { ...honest, window: { ...window, root: bent(window.root) } },
            windowSig: { ...honest, window: { ...window, sig: bent(window.sig) } },
            packets: { ...honest, window: { ...window, packets } },
          };
          expect(verdict('root', changed[field])).toBe('false');
        },
      ),
      { numRuns: 300, seed: 6 },
    );
  });
});

test('any evidence gets a verdict, and no invented evidence is a proof', () => {
  fc.assert(
    fc.property(fc.anything({ maxDepth: 2 }), fc.constantFrom('values' as const, 'root' as const), (evidence, what) => {
      expect(verdict(what, evidence)).toBe('false');
    }),
    { numRuns: 300, seed: 4 },
  );
  const hostile: unknown[] = [
    { before: 'zz', packet: 1, after: [], packets: Number.POSITIVE_INFINITY, sig: null },
    { ...said([packet([1], 0)]).shown(0, 1), packets: -1 },
    { ...said([packet([1], 0)]).shown(0, 1), packets: 0.5 },
    { ...said([packet([1], 0)]).shown(0, 1), packet: 'A'.repeat(2_000_000) },
    { leaves: 'A'.repeat(2_000_000), sig: '0'.repeat(128), window: {} },
  ];
  for (const evidence of hostile) {
    expect(verdict('values', evidence)).toBe('false');
    expect(verdict('root', evidence)).toBe('false');
  }
  for (const number of [Number.POSITIVE_INFINITY, Number.NaN, -1, 0.5, 2 ** 60])
    expect(verdict('values', said([packet([Number.NaN], 0)]).shown(0, 1), { call: number })).toBe('false');
  expect(verdictOn(PLACE, 'no key', { shard: 1, peer: 2, call: 0, what: 'values', evidence: {} })).toBe('false');
  expect(verdict('border', undefined)).toBe('undecided');
});

test('a packet that an honest sender lets through is taken by its reader', () => {
  fc.assert(
    fc.property(fc.array(fc.double()), codecs, (values, codec) => {
      const tensor = Float64Array.from(values);
      if (sendProblem(tensor, codec) !== undefined) return;
      const call = said([packet(values, 0, codec)]);
      expect(verdict('values', call.shown(0, 1))).toBe('false');
    }),
    { numRuns: 500, seed: 5 },
  );
  const edge = [65_519.99, 65_520, MAX_BORDER_VALUE, 1.0000001 * MAX_BORDER_VALUE, Number.NaN].map((v) =>
    Float64Array.of(v),
  );
  expect(edge.map((v) => sendProblem(v, 'f16'))).toEqual([undefined, 'range', 'range', 'range', 'not-finite']);
  expect(edge.map((v) => sendProblem(v, 'f32'))).toEqual([undefined, undefined, undefined, 'range', 'not-finite']);
  expect(edge.map(valueProblem)).toEqual([undefined, undefined, undefined, 'range', 'not-finite']);
});

function recoded(bytes: Uint8Array, codec: number): string {
  const changed = Buffer.from(bytes);
  changed[3] = ((changed[3] ?? 0) + 1 + (codec % 2)) % 3;
  return changed.toString('base64');
}
