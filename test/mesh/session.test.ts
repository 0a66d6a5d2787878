/** Handshake and control messages: who is there is proved, and each message is good once, for one reader. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { keyPairFromSeed } from '../../runtime/identity/ed25519.ts';
import { Envelopes, MessageTooLong } from '../../runtime/wire/envelope.ts';
import { accept, challenge, hello, prove, type Session } from '../../runtime/wire/handshake.ts';
import type { Message } from '../../runtime/wire/messages.ts';
import { handshakeWords } from '../../runtime/wire/refusals.ts';
import { seeded } from './networked.ts';

const [dialler, listener, stranger] = [1, 2, 3].map((n) => keyPairFromSeed(seeded(n))) as [
  ReturnType<typeof keyPairFromSeed>,
  ReturnType<typeof keyPairFromSeed>,
  ReturnType<typeof keyPairFromSeed>,
];
const INVITE = { id: 'i1', secret: 'ab'.repeat(32) };
const inviteKey = (id: string): Uint8Array | undefined =>
  id === INVITE.id ? keyPairFromSeed(new Uint8Array(32).fill(0xab)).publicKey : undefined;

function connect(nonce = 5, invite?: typeof INVITE) {
  const first = hello('trainer', dialler, seeded(nonce));
  const second = challenge(first, listener, seeded(nonce + 1));
  if (typeof second === 'string') throw new Error(second);
  const third = prove(first, second.challenge, dialler, listener.publicKey, invite);
  if (typeof third === 'string') throw new Error(third);
  const accepted = accept(second.session, third.proof, listener.publicKey, inviteKey);
  return { first, second, third, accepted };
}

function envelopes(nonce = 5): { from: Envelopes; to: Envelopes } {
  const { second, third } = connect(nonce);
  return { from: new Envelopes(third.session, dialler), to: new Envelopes(second.session, listener) };
}

const BEAT: Message = { type: 'heartbeat', shards: [], refused: 0 };

describe('the handshake', () => {
  test('gives both ends the same session, and shows an invite without its secret', () => {
    const { second, third, accepted } = connect(5, INVITE);
    expect(third.session.id).toEqual(second.session.id);
    expect(second.session).toMatchObject({ role: 'trainer', peer: dialler.publicKey });
    expect(accepted).toEqual({ invite: 'i1' });
    expect(JSON.stringify(third.proof)).not.toContain(INVITE.secret);
  });

  test('refuses a key other than the pinned one, the signature of another key, and an old proof', () => {
    const { first, second, third } = connect();
    expect(prove(first, second.challenge, dialler, stranger.publicKey)).toBe('another key');
    const forged = challenge(first, stranger, seeded(6));
    if (typeof forged === 'string') throw new Error(forged);
    expect(prove(first, { ...second.challenge, sig: forged.challenge.sig }, dialler)).toContain('signature');
    const later = challenge(first, listener, seeded(77));
    if (typeof later === 'string') throw new Error(later);
    expect(accept(later.session, third.proof, listener.publicKey, inviteKey)).toContain('signature');
    const wrong = { ...third.proof, invite: { id: 'i1', proof: '00'.repeat(64) } };
    expect(accept(second.session, wrong, listener.publicKey, inviteKey)).toContain('invite is wrong');
    const elsewhere = { ...third.proof, invite: connect(50, INVITE).third.proof.invite };
    expect(accept(second.session, elsewhere, listener.publicKey, inviteKey)).toContain('invite is wrong');
    const unknown = { ...third.proof, invite: { id: 'i2', proof: '00'.repeat(64) } };
    expect(accept(second.session, unknown, listener.publicKey, inviteKey)).toEqual({ badInvite: true });
  });

  test('refuses values without a canonical form, and does not throw', () => {
    const first = hello('viewer', dialler, seeded(1));
    const deep = JSON.parse(`${'['.repeat(5000)}${']'.repeat(5000)}`) as unknown;
    for (const news of [Number.POSITIVE_INFINITY, JSON.parse('1e999'), '\ud800', { '\udc00': 1 }, deep]) {
      expect(challenge({ ...first, news }, listener, seeded(2))).toBe('no canonical form');
      const second = challenge(first, listener, seeded(2));
      if (typeof second === 'string') throw new Error(second);
      expect(prove(first, { ...second.challenge, news }, dialler)).toBe('no canonical form');
    }
  });

  test('refuses another major version and takes fields of a newer minor one', () => {
    const first = hello('viewer', dialler, seeded(1));
    const old = { ...first, v: '1.0' };
    const refusal = challenge(old, listener, seeded(2));
    expect(refusal).toBe('version');
    expect(handshakeWords('version', old)).toContain('wire 1.0 is not understood here, this is wire 3.1');
    expect(handshakeWords('version', { v: '\u001b[2J', version: '\u001b[2J' })).not.toContain('\u001b');
    expect(handshakeWords('version', { ...old, version: '0.1.7' }, '0.2.0')).toBe(
      'wire 1.0 (release 0.1.7) is not understood here, this is wire 3.1 (release 0.2.0): use the same release of nmc',
    );
    // A version of the program decides nothing.
    expect(challenge({ ...first, version: '9.9.9' }, listener, seeded(2))).toHaveProperty('challenge');
    expect(challenge({ ...first, v: '3.7', news: [1] }, listener, seeded(2))).toHaveProperty('challenge');
    for (const wrong of [null, 3, [], {}, { ...first, role: 'king' }, { ...first, key: 'x' }, { ...first, nonce: '' }])
      expect(typeof challenge(wrong, listener, seeded(2))).toBe('string');
  });
});

describe('a control message', () => {
  test('comes out as it went in', () => {
    const { from, to } = envelopes();
    for (let i = 0; i < 3; i++) expect(to.open(from.seal(BEAT))).toMatchObject(BEAT);
  });

  test('is refused a second time, out of order, in another session, and by another reader', () => {
    const { from, to } = envelopes();
    const [one, two] = [from.seal(BEAT), from.seal(BEAT)];
    expect(to.open(two)).toBe('sequence');
    expect(to.open(one)).toMatchObject(BEAT);
    expect(to.open(one)).toBe('sequence');
    expect(envelopes(50).to.open(one)).toBe('signature');
    const session: Session = { ...connect().second.session };
    expect(new Envelopes(session, stranger).open(one)).toBe('signature');
    expect(to.open(two)).toMatchObject(BEAT);
  });

  test('is refused where any part of it was changed, and takes unknown fields where they are signed', () => {
    const { from, to } = envelopes();
    const text = from.seal({ ...BEAT, news: 'later' } as Message);
    for (const changed of [text.replace('"refused":0', '"refused":1'), text.replace('later', 'never')])
      expect(to.open(changed)).toBe('signature');
    expect(to.open(text.replace('"3.1"', '"1.0"'))).toBe('version');
    expect(to.open(text)).toMatchObject(BEAT);
    expect(to.open(from.seal({ type: 'heartbeat', shards: 3 } as unknown as Message))).toBe('schema');
    expect(to.open('x'.repeat(2 ** 21))).toBe('too-long');
    expect(to.open('[['.repeat(200_000))).toBe('no-json');
    expect(
      to.open(
        `{"v":"3.0","seq":2,"type":"heartbeat","sig":"${'00'.repeat(64)}","a":${'['.repeat(9000)}${']'.repeat(9000)}}`,
      ),
    ).toBe('sequence');
  });

  test('can be sealed whatever others have put into it, and takes no number where it is too long', () => {
    const { from, to } = envelopes();
    const answer = { energy: Number.POSITIVE_INFINITY, reason: 'cut \ud83d'.slice(0, 5), rate: Number.NaN };
    expect(to.open(from.seal({ type: 'answer', id: 1, answer }))).toMatchObject({
      answer: { energy: null, reason: 'cut \ufffd', rate: null },
    });
    expect(() => from.seal({ type: 'answer', id: 2, answer: 'ж'.repeat(600_000) })).toThrow(MessageTooLong);
    expect(to.open(from.seal(BEAT))).toMatchObject(BEAT);
  });

  test('never ends the program and has no effect, however it is damaged', () => {
    const { from, to } = envelopes();
    const text = from.seal(BEAT);
    const damage = fc.record({ at: fc.nat(text.length - 1), cut: fc.nat(9), add: fc.string({ maxLength: 9 }) });
    fc.assert(
      fc.property(damage, ({ at, cut, add }) => {
        const damaged = text.slice(0, at) + add + text.slice(at + cut);
        if (damaged !== text) expect(typeof to.open(damaged)).toBe('string');
      }),
      { numRuns: 500, seed: 5 },
    );
    expect(to.open(text)).toMatchObject(BEAT);
  });
});
