/**
 * The file of a stretch's record: eight bytes that name the format, then entries, one behind the other. An entry has a
 * head of 16 bytes (kind, length, check) and a body. The check is over bodies that no signature covers: states and frames
 * that came are held against the hashes that trainers have signed.
 */

import { ofPresent, zeroedBytes } from '../../support/bounded.ts';
import { UserError } from '../../support/errors.ts';
import { canonicalBytes } from '../../wire/canonical.ts';
import { sha256 } from '../../wire/hash.ts';

/**
 * `state`: a piece of it; `taken`, `sent`: a packet; `signature`: over packets taken; `foot`: nothing comes behind it;
 * `reads`, `told`: which frames of a neighbour ticks have read, and a neighbour's of this shard (schedule `async`).
 */
const ENTRY_KINDS = [
  ...(['head', 'state', 'taken', 'sent', 'window', 'sums', 'end', 'foot', 'signature'] as const),
  ...(['reads', 'told'] as const),
];
export type EntryKind = (typeof ENTRY_KINDS)[number];

/** What says something of one call of one neighbour. */
export function callEntry(kind: EntryKind, shard: number, call: number, said: Uint8Array): Uint8Array[] {
  const body = Buffer.concat([numberBytes(shard), callBytes(call), said]);
  return [entryHead(kind, body.length, sha256(body)), body];
}

export const MAGIC = new TextEncoder().encode('nmcrec2\n');
/** Of the form that an auditor gets: nothing in it says what came out. */
export const CUT_MAGIC = new TextEncoder().encode('nmccut1\n');
export const ENTRY_HEAD_BYTES = 16;
const CHECK_BYTES = 8;
/** Of one body. */
export const MAX_ENTRY_BYTES = 4 * 1024 * 1024;

export interface EntryHead {
  readonly kind: EntryKind;
  readonly bytes: number;
  readonly check: Uint8Array;
}

const NO_CHECK = zeroedBytes(ofPresent(CHECK_BYTES));

export function entryHead(kind: EntryKind, bytes: number, check: Uint8Array = NO_CHECK): Uint8Array {
  const head = zeroedBytes(ofPresent(ENTRY_HEAD_BYTES));
  head[0] = ENTRY_KINDS.indexOf(kind);
  new DataView(head.buffer).setUint32(4, bytes, true);
  head.set(check.subarray(0, CHECK_BYTES), ENTRY_HEAD_BYTES - CHECK_BYTES);
  return head;
}

/** Head and body of an entry that says something in words. */
export function wordsEntry(kind: EntryKind, value: unknown): Uint8Array[] {
  const body = canonicalBytes(value);
  return [entryHead(kind, body.length, sha256(body)), body];
}

/** @throws UserError `record/damaged` */
export function decodeEntryHead(bytes: Uint8Array): EntryHead {
  const kind = ENTRY_KINDS[bytes[0] ?? -1];
  if (bytes.length < ENTRY_HEAD_BYTES || kind === undefined || bytes[1] || bytes[2] || bytes[3])
    throw damagedRecord('it has an entry of no kind');
  const length = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(4, true);
  if (length > MAX_ENTRY_BYTES) throw damagedRecord('an entry of it is too long');
  return { kind, bytes: length, check: bytes.subarray(ENTRY_HEAD_BYTES - CHECK_BYTES, ENTRY_HEAD_BYTES) };
}

export function entryCheckHolds({ check }: EntryHead, body: Uint8Array): boolean {
  const hash = sha256(body);
  return check.every((byte, i) => byte === hash[i]);
}

/** @throws UserError `record/damaged` */
export function wordsIn(head: EntryHead, body: Uint8Array): Readonly<Record<string, unknown>> {
  if (!entryCheckHolds(head, body)) throw damagedRecord('an entry of it was changed');
  const value: unknown = JSON.parse(new TextDecoder().decode(body));
  if (typeof value !== 'object' || value === null) throw damagedRecord('an entry of it says nothing');
  return value as Record<string, unknown>;
}

/** Before a packet: the shard beyond the border. */
export function numberBytes(shard: number): Uint8Array {
  return Uint8Array.of(shard & 0xff, shard >> 8, 0, 0);
}

export function callBytes(call: number): Uint8Array {
  return Uint8Array.of(call & 0xff, (call >> 8) & 0xff, (call >> 16) & 0xff, call >>> 24);
}

export function damagedRecord(why: string): UserError {
  return new UserError(
    'record/damaged',
    `the record of a stretch cannot be trusted: ${why}`,
    'take the record of another stretch, or the same one of another shard',
  );
}
