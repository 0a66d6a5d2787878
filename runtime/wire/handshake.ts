/**
 * How a connection begins (spec/wire.md, 2). Three messages, in the clear, each bounded:
 *
 *     dialler -> listener   hello     version, role, key, nonce, version of the program
 *     listener -> dialler   challenge version, key, nonce, signature
 *     dialler -> listener   proof     signature, invite
 *
 * The session id is the hash of hello and challenge; both signatures cover it, so each end has proved its key to
 * someone who chose the other nonce just now. An invite's secret is the seed of an ed25519 key: it is shown by a signature
 * over the session id, so it never travels, and the listener knows its public key only.
 */
import { timingSafeEqual } from 'node:crypto';
import { ed25519, type KeyPair, keyPairFromSeed } from '../identity/ed25519.ts';
import { keyBytes, keyText } from '../identity/key-text.ts';
import { canonicalOf } from './canonical.ts';
import { fromHex, hex, sha256 } from './hash.ts';
import type { HandshakeRefusal } from './refusals.ts';
import { understood, WIRE_VERSION } from './version.ts';

export type Role = 'operator' | 'trainer' | 'viewer';

export interface Hello {
  readonly v: string;
  readonly type: 'hello';
  readonly role: Role;
  readonly key: string;
  readonly nonce: string;
  /** Of the program; it decides nothing, and is named where the wire is not understood. */
  readonly version?: string;
}

export interface Challenge {
  readonly v: string;
  readonly type: 'challenge';
  readonly key: string;
  readonly nonce: string;
  readonly sig: string;
}

export interface Proof {
  readonly v: string;
  readonly type: 'proof';
  readonly sig: string;
  /** Which invite, and the signature that shows that its secret is known. */
  readonly invite?: { readonly id: string; readonly proof: string };
}

export interface Invite {
  readonly id: string;
  /** 32 bytes, hexadecimal: the seed of an ed25519 key. */
  readonly secret: string;
}

/** Both ends know each other. */
export interface Session {
  readonly id: Uint8Array;
  readonly role: Role;
  readonly peer: Uint8Array;
}

/** No message of a handshake is longer. */
export const MAX_HANDSHAKE_BYTES = 2048;
const ROLES: readonly string[] = ['operator', 'trainer', 'viewer'];

/** @param version of the program */
export function hello(role: Role, keys: KeyPair, nonce: Uint8Array, version?: string): Hello {
  const first = { v: WIRE_VERSION, type: 'hello' as const, role, key: keyText(keys.publicKey), nonce: hex(nonce) };
  return version === undefined ? first : { ...first, version };
}

/** @returns the challenge, or why the hello is refused */
export function challenge(
  first: unknown,
  keys: KeyPair,
  nonce: Uint8Array,
): { readonly challenge: Challenge; readonly session: Session } | HandshakeRefusal {
  const { v, type, role, key, nonce: theirs } = fieldsOf(first);
  if (type !== 'hello') return 'not a hello';
  if (!understood(v)) return 'version';
  if (typeof role !== 'string' || !ROLES.includes(role)) return 'no such role';
  const peer = typeof key === 'string' ? keyBytes(key) : undefined;
  if (!peer) return 'not a key';
  if (!fromHex(theirs, 32)) return 'not a nonce';
  const unsigned = { v: WIRE_VERSION, type: 'challenge' as const, key: keyText(keys.publicKey), nonce: hex(nonce) };
  const id = sessionId(first, unsigned);
  if (!id) return 'no canonical form';
  const sig = hex(ed25519.sign(signed('listener', id, peer), keys.secretKey));
  return { challenge: { ...unsigned, sig }, session: { id, role: role as Role, peer } };
}

/**
 * @param pinned the listener's key, where it is known beforehand
 * @returns the proof, or why the challenge is refused
 */
export function prove(
  first: Hello,
  answer: unknown,
  keys: KeyPair,
  pinned?: Uint8Array,
  invite?: Invite,
): { readonly proof: Proof; readonly session: Session } | HandshakeRefusal {
  const { v, type, key, nonce, sig } = fieldsOf(answer);
  if (type !== 'challenge') return 'not a challenge';
  if (!understood(v)) return 'version';
  const peer = typeof key === 'string' ? keyBytes(key) : undefined;
  const signature = fromHex(sig, 64);
  if (!peer || !signature || !fromHex(nonce, 32)) return 'not a challenge';
  if (pinned && !same(peer, pinned)) return 'another key';
  const id = sessionId(first, withoutSignature(answer));
  if (!id) return 'no canonical form';
  if (!ed25519.verify(signed('listener', id, keys.publicKey), signature, peer)) return 'its signature is wrong';
  const proof: Proof = {
    v: WIRE_VERSION,
    type: 'proof',
    sig: hex(ed25519.sign(signed('dialler', id, peer), keys.secretKey)),
    ...(invite ? { invite: { id: invite.id, proof: inviteProof(invite.secret, id) } } : {}),
  };
  return { proof, session: { id, role: first.role, peer } };
}

/** Facts that a proof has shown beside the dialler's key. */
export interface Accepted {
  /** The invite whose secret the dialler knows. */
  readonly invite?: string;
  /** It named one that is not good: it is let in where it is listed, and else told so. */
  readonly badInvite?: true;
}

/**
 * @param inviteKey the public key of an invite that is good now
 * @returns what was shown, or why the proof is refused
 */
export function accept(
  session: Session,
  third: unknown,
  listener: Uint8Array,
  inviteKey: (invite: string) => Uint8Array | undefined,
): Accepted | HandshakeRefusal {
  const { v, type, sig, invite } = fieldsOf(third);
  if (type !== 'proof') return 'not a proof';
  if (!understood(v)) return 'version';
  const signature = fromHex(sig, 64);
  if (!signature || !ed25519.verify(signed('dialler', session.id, listener), signature, session.peer))
    return 'its signature is wrong';
  if (invite === undefined) return {};
  const { id, proof } = fieldsOf(invite);
  const shown = fromHex(proof, 64);
  const key = typeof id === 'string' && id.length <= 64 ? inviteKey(id) : undefined;
  if (!shown || !key) return { badInvite: true };
  return ed25519.verify(inviteBytes(session.id), shown, key) ? { invite: id as string } : 'the invite is wrong';
}

/** @returns nothing where what the other end said has no canonical form */
function sessionId(first: unknown, unsigned: unknown): Uint8Array | undefined {
  const [hello, challenge] = [canonicalOf(first), canonicalOf(unsigned)];
  return hello && challenge ? sha256(text('nmc/session/2\n'), hello, text('\n'), challenge) : undefined;
}

/** Bytes that an end signs: which end it is, the session, and for whom. */
function signed(end: 'dialler' | 'listener', session: Uint8Array, recipient: Uint8Array): Uint8Array {
  return Buffer.concat([text(`nmc/handshake/2/${end}\n`), session, recipient]);
}

function inviteProof(secret: string, session: Uint8Array): string {
  const { secretKey } = keyPairFromSeed(new Uint8Array(Buffer.from(secret, 'hex')));
  return hex(ed25519.sign(inviteBytes(session), secretKey));
}

function inviteBytes(session: Uint8Array): Uint8Array {
  return Buffer.concat([text('nmc/invite/2\n'), session]);
}

function withoutSignature(answer: unknown): unknown {
  const { sig: _sig, ...rest } = fieldsOf(answer);
  return rest;
}

function fieldsOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

function text(words: string): Uint8Array {
  return new TextEncoder().encode(words);
}
