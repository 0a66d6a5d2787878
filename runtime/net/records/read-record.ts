/** A record from the disk, trusting nothing in it: what it says in words, and where its frames lie. */
import { closeSync, fstatSync } from 'node:fs';
import type { BlobSource } from '../../backplane/backplane.ts';
import { readAt } from '../../support/atomic.ts';
import { openForReading } from '../../support/safe-files.ts';
import type { Totals } from '../../training/totals.ts';
import { NO_SIZE } from '../../validation/learnt-bounds.ts';
import { SIGNATURE_BYTES } from '../../wire/frame-chain.ts';
import { fromHex } from '../../wire/hash.ts';
import { decodePacket, HEADER_BYTES, type Header } from '../../wire/header.ts';
import type { SignedState } from '../../wire/state-signature.ts';
import { type Window, windowOf } from '../../wire/window.ts';
import {
  CUT_MAGIC,
  damagedRecord,
  decodeEntryHead,
  ENTRY_HEAD_BYTES,
  type EntryHead,
  entryCheckHolds,
  MAGIC,
  wordsIn,
} from './entries.ts';
import { type Beyond, type DeviceClass, RECORD_FORMAT } from './stretch-log.ts';

export interface RecordHead {
  readonly run: string;
  readonly shard: number;
  readonly term: number;
  readonly from: number;
  readonly deployment: string;
  readonly owner: string;
  readonly device: DeviceClass;
  readonly hash: string;
  readonly signed?: SignedState;
  readonly totals: Totals;
}

/** Where it ends, and nothing of what it ends with. */
export interface CutEnd extends Beyond {
  readonly calls: number;
}

export interface RecordEnd extends CutEnd {
  readonly signed: SignedState;
  readonly totals: Totals;
}

/** A packet that came. Its bytes are read when they are needed. */
export interface TakenPacket {
  readonly from: number;
  readonly call: number;
  readonly bytes: number;
  readonly read: () => Uint8Array;
}

/** Of a call's packets that came, by their sender. */
export interface SignedPackets {
  readonly from: number;
  readonly call: number;
  readonly signature: Uint8Array;
}

/** Which frames of a neighbour the ticks of a call have read, or a neighbour's of this shard: as it was told. */
export interface SaidReads {
  readonly shard: number;
  readonly call: number;
  readonly payload: Uint8Array;
}

/** A packet that went, as far as nothing of its content is said. */
export interface SentHeader {
  readonly to: number;
  readonly header: Header;
  readonly headerBytes: Uint8Array;
}

export interface SentPacket extends SentHeader {
  readonly leaf: Uint8Array;
}

/** All that is needed to do a stretch again. */
export interface CutRecord {
  readonly head: RecordHead;
  readonly end: CutEnd;
  /** From its beginning, each time. */
  readonly state: () => BlobSource;
  readonly taken: readonly TakenPacket[];
  readonly signed: readonly SignedPackets[];
  /** Of schedule `async`. */
  readonly reads: readonly SaidReads[];
  readonly sent: readonly SentHeader[];
  readonly windows: readonly { readonly peer: number; readonly window: Window }[];
  readonly close: () => void;
}

/** With what came out, as its trainer and the neighbours have signed it. */
export interface StretchRecord extends CutRecord {
  readonly end: RecordEnd;
  readonly sent: readonly SentPacket[];
  /** What neighbours have told that they read of it. */
  readonly told: readonly SaidReads[];
  /** Windows that never came: the term ended before them. */
  readonly missing: readonly string[];
}

/** Before a packet: a shard's number. */
const NUMBER_BYTES = 4;

/** @throws UserError `record/damaged` */
export function openRecord(path: string): StretchRecord {
  return opened(path, MAGIC, ({ words, sent, told, rest }) => {
    const missing = words.get('foot')?.missing as readonly string[];
    const end = endIn(words.get('end'));
    return { ...rest, end, sent: sent.map((packet) => sentIn(packet)), told, missing };
  });
}

/** As an auditor gets it. @throws UserError `record/damaged` */
export function openCutRecord(path: string): CutRecord {
  return opened(path, CUT_MAGIC, cutIn);
}

/** The same, of bytes that are here. @throws UserError `record/damaged` */
export function cutRecordIn(bytes: Uint8Array): CutRecord {
  const read = (at: number, length: number): Uint8Array => bytes.subarray(at, at + length);
  return madeOf({ size: bytes.length, read, close: () => undefined }, CUT_MAGIC, cutIn);
}

function cutIn({ words, sent, rest }: Scanned): CutRecord {
  return { ...rest, end: cutEndIn(words.get('end')), sent: sent.map((packet) => headerIn(packet)) };
}

type Words = Readonly<Record<string, unknown>>;

interface Scanned {
  readonly words: ReadonlyMap<string, Words>;
  readonly sent: readonly Entry[];
  readonly told: readonly SaidReads[];
  readonly rest: Omit<CutRecord, 'end' | 'sent'>;
}

interface Entry {
  readonly entry: EntryHead;
  readonly body: Uint8Array;
}

/** Where the bytes of a record are. */
interface Stored {
  readonly size: number;
  /** @returns fewer, or nothing, where there are no more */
  readonly read: (at: number, bytes: number) => Uint8Array | undefined;
  readonly close: () => void;
}

function opened<T>(path: string, magic: Uint8Array, made: (found: Scanned) => T): T {
  const descriptor = openForReading(path);
  const read = (at: number, bytes: number): Uint8Array | undefined => readAt(descriptor, at, bytes);
  return madeOf({ size: fstatSync(descriptor).size, read, close: () => closeSync(descriptor) }, magic, made);
}

function madeOf<T>(stored: Stored, magic: Uint8Array, made: (found: Scanned) => T): T {
  try {
    return made(scanned(stored, magic));
  } catch (error) {
    stored.close();
    throw error instanceof SyntaxError ? damagedRecord('an entry of it is not JSON') : error;
  }
}

function scanned({ size, read: readFrom, close }: Stored, magic: Uint8Array): Scanned {
  const read = (at: number, bytes: number): Uint8Array => {
    const found = at + bytes <= size ? readFrom(at, bytes) : undefined;
    if (found?.length !== bytes) throw damagedRecord('it ends too early');
    return found;
  };
  if (!Buffer.from(read(0, magic.length)).equals(magic)) throw damagedRecord('it is not a record');
  const words = new Map<string, Words>();
  const pieces: { readonly at: number; readonly bytes: number }[] = [];
  const [taken, sent, windows]: [TakenPacket[], Entry[], { peer: number; window: Window }[]] = [[], [], []];
  const signed: SignedPackets[] = [];
  const [reads, told]: [SaidReads[], SaidReads[]] = [[], []];
  let entries = 0;
  let at = magic.length;
  while (!words.has('foot')) {
    const entry = decodeEntryHead(read(at, ENTRY_HEAD_BYTES));
    const body = at + ENTRY_HEAD_BYTES;
    at = body + entry.bytes;
    if (at > size) throw damagedRecord('it ends too early');
    if (entry.kind !== 'foot') entries++;
    if (entry.kind === 'state') pieces.push({ at: body, bytes: entry.bytes });
    else if (entry.kind === 'taken') taken.push(takenIn(entry, body, read));
    else if (entry.kind === 'signature') signed.push(signedIn(entry, read(body, entry.bytes)));
    else if (entry.kind === 'reads' || entry.kind === 'told')
      (entry.kind === 'reads' ? reads : told).push(saidIn(entry, read(body, entry.bytes)));
    else if (entry.kind === 'sent') sent.push({ entry, body: read(body, entry.bytes) });
    else {
      const said = wordsIn(entry, read(body, entry.bytes));
      if (entry.kind === 'window') windows.push(windowIn(said));
      else if (entry.kind !== 'sums') words.set(entry.kind, said);
    }
  }
  if (at !== size || words.get('foot')?.entries !== entries) throw damagedRecord('entries of it are missing');
  const state = (): BlobSource => stateSource(pieces, read);
  return { words, sent, told, rest: { head: headIn(words.get('head')), state, taken, signed, reads, windows, close } };
}

function stateSource(
  pieces: readonly { readonly at: number; readonly bytes: number }[],
  read: (at: number, bytes: number) => Uint8Array,
): BlobSource {
  const left = pieces.values();
  return {
    bytes: pieces.reduce((sum, p) => sum + p.bytes, 0),
    next: async () => {
      const { value } = left.next();
      return value && read(value.at, value.bytes);
    },
    close: async () => undefined,
  };
}

function takenIn({ bytes }: EntryHead, body: number, read: (at: number, bytes: number) => Uint8Array): TakenPacket {
  const shortest = NUMBER_BYTES + HEADER_BYTES;
  if (bytes < shortest) throw damagedRecord('a frame of it is too short');
  const start = read(body, shortest);
  const from = (start[0] ?? 0) + 256 * (start[1] ?? 0);
  const call = new DataView(start.buffer, start.byteOffset).getUint32(NUMBER_BYTES + 64, true);
  return { from, call, bytes: bytes - NUMBER_BYTES, read: () => read(body, bytes).subarray(NUMBER_BYTES) };
}

function signedIn(entry: EntryHead, body: Uint8Array): SignedPackets {
  if (entry.bytes !== NUMBER_BYTES + 4 + SIGNATURE_BYTES || !entryCheckHolds(entry, body))
    throw damagedRecord('a signature of it was changed');
  const view = new DataView(body.buffer, body.byteOffset);
  const [from, call] = [view.getUint16(0, true), view.getUint32(NUMBER_BYTES, true)];
  return { from, call, signature: body.subarray(NUMBER_BYTES + 4) };
}

function saidIn(entry: EntryHead, body: Uint8Array): SaidReads {
  if (entry.bytes <= NUMBER_BYTES + 4 || !entryCheckHolds(entry, body))
    throw damagedRecord('what it says of reads was changed');
  const view = new DataView(body.buffer, body.byteOffset);
  const [shard, call] = [view.getUint16(0, true), view.getUint32(NUMBER_BYTES, true)];
  return { shard, call, payload: body.subarray(NUMBER_BYTES + 4) };
}

function sentIn({ entry, body }: Entry): SentPacket {
  const header = headerIn({ entry, body }, 32);
  return { ...header, leaf: body.subarray(NUMBER_BYTES + HEADER_BYTES) };
}

/** @param more bytes behind the header */
function headerIn({ entry, body }: Entry, more = 0): SentHeader {
  if (entry.bytes !== NUMBER_BYTES + HEADER_BYTES + more || !entryCheckHolds(entry, body))
    throw damagedRecord('a header of it was changed');
  const headerBytes = body.subarray(NUMBER_BYTES, NUMBER_BYTES + HEADER_BYTES);
  // Without its payload a header is decoded as that of an empty packet.
  const empty = Uint8Array.from(headerBytes);
  new DataView(empty.buffer).setUint32(100, 0, true);
  const header = decodePacket(empty)?.header;
  if (!header) throw damagedRecord('a header of it cannot be read');
  const to = (body[0] ?? 0) + 256 * (body[1] ?? 0);
  return { to, header, headerBytes };
}

function windowIn({ peer, window }: Words): { peer: number; window: Window } {
  const known = windowOf(window);
  if (!known || !isCount(peer)) throw damagedRecord('a window of it says nothing');
  return { peer, window: known };
}

function headIn(said: Words | undefined): RecordHead {
  const { format, run, shard, term, from, deployment, owner, hash, totals } = said ?? {};
  const whole = isCount(shard) && isCount(term) && isCount(from) && isText(run) && isText(owner) && isText(deployment);
  if (format !== RECORD_FORMAT || !whole || !fromHex(hash, 32) || typeof totals !== 'object')
    throw damagedRecord('its head says too little');
  return said as unknown as RecordHead;
}

function endIn(said: Words | undefined): RecordEnd {
  const { signed, totals } = said ?? {};
  const { calls: steps, hash, sig } = (signed ?? {}) as Partial<SignedState>;
  if (!isCount(steps) || !fromHex(hash, 32) || !fromHex(sig, 64) || typeof totals !== 'object')
    throw damagedRecord('its end says too little');
  return cutEndIn(said) as RecordEnd;
}

function cutEndIn(said: Words | undefined): CutEnd {
  const { calls, owners, local, held = [] } = said ?? {};
  if (!isCount(calls) || !Array.isArray(local) || typeof owners !== 'object' || owners === null || !areHeld(held))
    throw damagedRecord('its end says too little');
  return said as unknown as CutEnd;
}

function areHeld(held: unknown): boolean {
  const isSize = (of: unknown): boolean => {
    const { largest, rms } = (of ?? {}) as { readonly largest?: unknown; readonly rms?: unknown };
    return typeof largest === 'number' && typeof rms === 'number';
  };
  return (
    Array.isArray(held) && held.every((one) => isCount(one?.message) && isSize(one) && isSize(one.bound ?? NO_SIZE))
  );
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}
