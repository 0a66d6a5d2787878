/**
 * Why something from outside was not taken: fixed codes, so that what is counted and told never grows by what strangers
 * say. What is named of the refused message itself is bounded and plain.
 */
import { WIRE_VERSION } from './version.ts';

/** Of a handshake; each is also what the other end is told. */
export const HANDSHAKE_REFUSALS = [
  'not a hello',
  'not a challenge',
  'not a proof',
  'version',
  'no such role',
  'not a key',
  'not a nonce',
  'another key',
  'its signature is wrong',
  'the invite is unknown, used up or expired',
  'the invite is wrong',
  'no canonical form',
  'no handshake',
  'too slow',
  'not listed',
  'not a neighbour',
  'no place',
] as const;
export type HandshakeRefusal = (typeof HANDSHAKE_REFUSALS)[number];

/** Of a control message. */
export const MESSAGE_REFUSALS = ['too-long', 'no-json', 'version', 'schema', 'sequence', 'signature'] as const;
export type MessageRefusal = (typeof MESSAGE_REFUSALS)[number];

/** Of a connection and of what comes over it. */
export const CONNECTION_REFUSALS = [
  'role',
  'no binary message',
  'a blob that was not announced',
  'chunks that do not follow each other',
  'a wrong hash',
  'border of another term or owner',
  'border of another owner',
  'not a border packet',
  'a probe that was not asked for',
  'more messages than its share',
  'more questions than its share',
  'more instances than its share',
  'a reader that does not read',
  'too many connections',
  'too many connections at once',
  'too many connections of one key',
  'a page of another origin',
  'internal',
] as const;
export type ConnectionRefusal = (typeof CONNECTION_REFUSALS)[number];

export type Refusal = MessageRefusal | ConnectionRefusal | `handshake: ${HandshakeRefusal}`;

/** How often which. */
export type RefusalCounts = Partial<Record<Refusal, number>>;

/** @param counts is changed */
export function countRefusal(counts: RefusalCounts, code: Refusal): void {
  counts[code] = (counts[code] ?? 0) + 1;
}

/**
 * For the other end.
 * @param refused the message, of which at most its versions are named
 * @param version of this program
 */
export function handshakeWords(code: HandshakeRefusal, refused: unknown, version?: string): string {
  if (code !== 'version') return code;
  const said = (typeof refused === 'object' && refused !== null ? refused : {}) as Readonly<Record<string, unknown>>;
  const { v } = said;
  const theirs = typeof v === 'string' && /^\d{1,3}\.\d{1,6}$/.test(v) ? `wire ${v}` : 'that version of the wire';
  const [there, here] = [releaseText(said.version), releaseText(version)];
  return `${theirs}${there} is not understood here, this is wire ${WIRE_VERSION}${here}: use the same release of nmc`;
}

/** Anything but a plain version of a program is left out. */
function releaseText(version: unknown): string {
  return typeof version === 'string' && /^\d{1,4}\.\d{1,4}\.\d{1,4}$/.test(version) ? ` (release ${version})` : '';
}
