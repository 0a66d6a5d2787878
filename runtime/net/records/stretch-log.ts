/**
 * The records that a shard makes as it trains: all that a verifier needs to do a stretch again (spec/wire.md, 6). A frame
 * goes to the record of the stretch that its call lies in, though the stretch before it is still under way. A record is
 * complete when the state at its end is signed and every window of its calls has come.
 */
import { cpus } from 'node:os';
import { pledgeOf } from '../../audit/draw.ts';
import { type SealedWindow, windowsHash } from '../../audit/seal.ts';
import type { Device } from '../../device/device.ts';
import type { SavedStates } from '../../shard/shard.ts';
import type { SafePath } from '../../support/safe-path.ts';
import { allCalls } from '../../training/calls.ts';
import type { Frame } from '../../training/frame.ts';
import { stretchBegin, stretchEnd } from '../../training/stretches.ts';
import type { Totals } from '../../training/totals.ts';
import { BorderWatch, type Range } from '../../validation/border-watch.ts';
import { rangesFor } from '../../validation/within-range.ts';
import { canonicalBytes } from '../../wire/canonical.ts';
import type { Deployment } from '../../wire/deployment.ts';
import type { FrameLog } from '../../wire/frame-log.ts';
import { hex, sha256 } from '../../wire/hash.ts';
import type { HeldBorder } from '../../wire/held-border.ts';
import type { Pledge, Sealed } from '../../wire/messages.ts';
import type { SignedState } from '../../wire/state-signature.ts';
import type { StretchName } from '../../wire/ticket.ts';
import { directionOf, type Window } from '../../wire/window.ts';
import type { Pieces } from '../send-blob.ts';
import { encodeStatePieces } from '../shard-state.ts';
import { callEntry, type EntryKind, entryHead, MAX_ENTRY_BYTES, numberBytes, wordsEntry } from './entries.ts';
import { maxPendingBytes } from './pending.ts';
import { RecordFile, type WritingPort } from './record-file.ts';

export const RECORD_FORMAT = 'nmc-record-2';

/** The device, as far as bits depend on it. */
export interface DeviceClass {
  readonly kind: string;
  readonly description: string;
  /** Of the program. */
  readonly version: string;
  readonly processor: string;
  /** The only shard of a run has all threads, others one each. */
  readonly alone: boolean;
}

export function deviceClass({ name, description }: Device, version: string, alone: boolean): DeviceClass {
  // Two processors of one architecture may add in other orders, as their vectors are as long.
  const processor = `${process.arch}, ${cpus()[0]?.model ?? 'unknown'}`;
  return { kind: name, description, version, processor, alone };
}

/** Of what a trainer says of itself as an auditor: whether it is the only one of a run follows from the run. */
export function classHash(device: Device, version: string): string {
  const { kind, description, processor } = deviceClass(device, version, false);
  return hex(sha256(canonicalBytes(['nmc/class/1', kind, description, version, processor])));
}

/** Who was on the other side of each border. */
export interface Beyond {
  /** Keys by shard. */
  readonly owners: Readonly<Record<string, string>>;
  /** Neighbours that the same trainer had: what went between is in no record, they are done again together. */
  readonly local: readonly number[];
  /** How frames of the others were held; absent: the run has no bounds. */
  readonly held?: readonly HeldBorder[] | undefined;
}

/** Where the files lie, and what becomes of them. */
export interface RecordFolder {
  readonly pathOf: (run: string, name: string) => { readonly path: SafePath; readonly beside: SafePath };
  readonly port: Pick<WritingPort, 'assertRoom' | 'sleep'>;
  readonly complete: (path: SafePath, bytes: number) => void;
}

export interface LogOptions {
  readonly folder: RecordFolder;
  readonly deployment: Deployment;
  /** SHA-256 of its record. */
  readonly deploymentHash: string;
  readonly shard: number;
  readonly owner: string;
  readonly device: DeviceClass;
  /** It takes what comes again. */
  readonly news: () => void;
  /** Where stretches are sealed. */
  readonly seals?: Seals;
}

export interface Seals {
  /** The shard's number for the draw of the stretch that begins there. */
  readonly numberOf: (stretch: StretchName) => string;
  readonly bound: (message: Pledge | Sealed) => void;
}

/** What is said of the state that a stretch begins from. */
export interface Start {
  readonly calls: number;
  readonly hash: string;
  /** Absent where the state is that of a manifest, or drawn from the seed. */
  readonly signed?: SignedState;
  readonly totals: Totals;
}

interface OpenRecord {
  readonly from: number;
  to: number;
  readonly file: RecordFile;
  readonly path: SafePath;
  /** Windows that have not come, and those that have. */
  readonly awaited: Set<string>;
  readonly windows: SealedWindow[];
  /** What is seen of the frames that came. */
  readonly watch: BorderWatch;
  signed?: SignedState;
  held?: readonly HeldBorder[] | undefined;
  entries: number;
  begun: boolean;
  ended: boolean;
}

/** Stretches that a neighbour may be ahead: what is further away is in no record. */
const MAX_OPEN = 64;
/** Shorter pieces are copied together. */
const LARGE_BYTES = 64 * 1024;

export class StretchLog implements FrameLog {
  readonly #options: LogOptions;
  readonly #mostPending: number;
  readonly #ranges: ReadonlyMap<number, Range>;
  readonly #open = new Map<number, OpenRecord>();
  readonly #closing = new Set<Promise<void>>();
  #completing: Promise<unknown> = Promise.resolve();
  #closed = false;
  #term = 0;
  #begin = 0;
  /** Calls before this one are in no record: where a run stopped, or a neighbour was too far ahead. */
  #silent = 0;
  /** Something stands in for frames of a neighbour. */
  #isBlind = false;
  /** Calls that are over. */
  #done = 0;
  #pending = 0;
  #state = 0;
  #trouble: string | undefined;
  #waiting = false;

  constructor(options: LogOptions) {
    this.#options = options;
    this.#ranges = rangesFor(options.deployment, options.shard);
    this.#mostPending = maxPendingBytes(options.deployment, options.shard);
  }

  /** Why the shard has to wait, in words: the record may not be left behind. */
  get waits(): string | undefined {
    const late = this.#pending > this.#mostPending + this.#state;
    const why = this.#trouble === undefined ? undefined : `room for the record of its stretch: ${this.#trouble}`;
    const waits = why ?? (late ? 'the disk to take the record of its stretch' : undefined);
    this.#waiting = waits !== undefined;
    return waits;
  }

  /** A term begins: what was not complete before it never will be. */
  restart(term: number, calls: number): void {
    this.#endTerm();
    this.#isBlind = false;
    this.#done = calls;
    this.#term = term;
    this.#begin = calls;
    this.#silent = calls;
    const { seals, shard, deployment } = this.#options;
    if (!seals || calls >= allCalls(deployment)) return;
    const stretch = { run: deployment.run, shard, term, from: calls };
    seals.bound({ type: 'pledge', ...stretch, pledge: pledgeOf(seals.numberOf(stretch)) });
  }

  /** A call is over. @param calls with it */
  done(calls: number): void {
    this.#done = calls;
  }

  /** Owners have changed within a stretch, or calls of it were left out: the next one is in a record again. */
  leaveOut(term: number, calls = this.#done): void {
    const { deployment } = this.#options;
    this.restart(term, calls < allCalls(deployment) ? stretchEnd(deployment, calls) : calls);
    this.#done = calls;
  }

  /** @param isBlind something stands in for frames of a neighbour: meanwhile nothing is in a record */
  setBlind(isBlind: boolean): void {
    if (this.#isBlind && !isBlind) this.leaveOut(this.#term);
    if (isBlind) this.#endTerm();
    this.#isBlind = isBlind;
  }

  /** Whether the stretch of a call is in a record. */
  has(call: number): boolean {
    return this.#openAt(call)?.begun === true;
  }

  /** A stretch begins. */
  begin(start: Start, state: SavedStates): void {
    const record = this.#headOf(start);
    if (!record) return;
    record.begun = true;
    this.#state = 0;
    for (const piece of encodeStatePieces(state)) this.#append(record, piece);
  }

  /**
   * A stretch begins from a state that is never in memory as a whole: each piece is read when the disk has taken those
   * before it. The record is none where they end before the state does.
   */
  async beginFrom(start: Start, pieces: Pieces): Promise<void> {
    const record = this.#headOf(start);
    if (!record) return;
    this.#state = 0;
    for (let left = pieces.bytes; left > 0; ) {
      const piece = await pieces.next();
      if (!piece) return;
      left -= piece.length;
      this.#append(record, piece);
      await record.file.written();
    }
    record.begun = true;
  }

  #headOf({ calls, hash, signed, totals }: Start): OpenRecord | undefined {
    const record = this.#recordOf(calls);
    if (!record || record.begun) return undefined;
    const { deployment, deploymentHash, shard, owner, device } = this.#options;
    const { run } = deployment;
    const place = { format: RECORD_FORMAT, run, shard, term: this.#term, from: calls };
    this.#words(record, 'head', {
      ...{ ...place, deployment: deploymentHash, owner, device, hash, totals },
      ...(signed ? { signed } : {}),
    });
    return record;
  }

  #append(record: OpenRecord, piece: Uint8Array): void {
    for (let at = 0; at < piece.length; at += MAX_ENTRY_BYTES) {
      const part = piece.subarray(at, at + MAX_ENTRY_BYTES);
      record.entries++;
      this.#state += part.length;
      record.file.append(entryHead('state', part.length));
      if (part.length < LARGE_BYTES) record.file.append(part);
      else record.file.give(part);
    }
  }

  taken(call: number, from: number, packet: Uint8Array): void {
    const record = this.#recordOf(call);
    if (!record) return;
    record.awaited.add(windowName('in', from, call));
    const number = numberBytes(from);
    record.entries++;
    record.file.append(entryHead('taken', number.length + packet.length), number, packet);
  }

  /** A frame of a neighbour that another trainer has, as it goes to the shard. */
  delivered(frame: Frame, from: number): void {
    if (!this.#options.seals) return;
    this.#recordOf(frame.callIndex)?.watch.take(frame, from, this.#ranges.get(frame.message));
  }

  signed(call: number, from: number, signature: Uint8Array): void {
    const record = this.#recordOf(call);
    if (!record) return;
    this.#said(record, 'signature', from, call, signature);
  }

  reads(call: number, from: number, payload: Uint8Array): void {
    if (payload.length === 0) this.#giveUp(call);
    else this.#said(this.#recordOf(call), 'reads', from, call, payload);
  }

  told(call: number, to: number, payload: Uint8Array): void {
    this.#said(this.#recordOf(call), 'told', to, call, payload);
  }

  #said(record: OpenRecord | undefined, kind: EntryKind, shard: number, call: number, said: Uint8Array): void {
    if (!record) return;
    record.entries++;
    record.file.append(...callEntry(kind, shard, call, said));
  }

  /** The stretch of a call cannot be done again: it is in no record. */
  #giveUp(call: number): void {
    const record = this.#openAt(call);
    this.#silent = Math.max(this.#silent, stretchEnd(this.#options.deployment, call));
    if (!record) return;
    this.#open.delete(record.from);
    record.ended = false;
    this.#close(record);
  }

  sent(call: number, to: number, header: Uint8Array, leaf: Uint8Array): void {
    const record = this.#recordOf(call);
    if (!record) return;
    record.awaited.add(windowName('out', to, call));
    const body = Buffer.concat([numberBytes(to), header, leaf]);
    record.entries++;
    record.file.append(entryHead('sent', body.length, sha256(body)), body);
  }

  window(peer: number, window: Window): void {
    const record = this.#openAt(window.call);
    if (!record) return;
    const way = window.direction === directionOf(this.#options.shard, peer) ? 'out' : 'in';
    this.#words(record, 'window', { peer, window });
    record.windows.push({ peer, window });
    record.awaited.delete(windowName(way, peer, window.call));
    this.#finish(record);
  }

  /** Sums of the shard behind a call of an evaluation. */
  sums(call: number, totals: Totals): void {
    const record = this.#recordOf(call);
    if (record) this.#words(record, 'sums', { call, totals });
  }

  /** The state behind the first `calls` calls is signed: the stretch that ends there is over. */
  end(calls: number, signed: SignedState, totals: Totals, beyond: Beyond): void {
    const record = this.#recordOf(calls - 1);
    if (!record || record.ended) return;
    if (calls < record.to) {
      // The run stops within it: what comes behind the stop until the next stretch is in no record.
      this.#silent = record.to;
      record.to = calls;
      for (const name of record.awaited) if (Number(name.split('/')[2]) >= calls) record.awaited.delete(name);
    }
    this.#words(record, 'end', { calls, signed, totals, ...beyond });
    record.ended = true;
    record.signed = signed;
    record.held = beyond.held;
    this.#finish(record);
  }

  /** A stretch is over of which neighbours have not signed all that they got and sent. */
  get isUnsigned(): boolean {
    return [...this.#open.values()].some(({ ended, awaited }) => ended && awaited.size > 0);
  }

  /** When all records that are complete lie on the disk. */
  async written(): Promise<void> {
    await Promise.all(this.#closing);
  }

  /** When all that is complete lies on the disk; what the disk does not take now is given up. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#endTerm();
    await Promise.all(this.#closing);
  }

  #endTerm(): void {
    for (const record of this.#open.values()) this.#close(record);
    this.#open.clear();
  }

  #close(record: OpenRecord): void {
    const closing = record.ended && record.begun ? this.#complete(record) : record.file.abandon();
    this.#closing.add(closing);
    void closing.then(() => this.#closing.delete(closing));
  }

  #finish(record: OpenRecord): void {
    if (!record.ended || record.awaited.size > 0) return;
    this.#open.delete(record.from);
    this.#silent = Math.max(this.#silent, record.to);
    this.#close(record);
  }

  async #complete(record: OpenRecord): Promise<void> {
    record.file.append(...wordsEntry('foot', { entries: record.entries, missing: [...record.awaited].sort() }));
    const term = this.#term;
    const before = this.#completing;
    const finished = record.file.finish();
    // In their order, whichever the disk takes first: the oldest go first.
    this.#completing = Promise.all([before, finished]);
    await before;
    if (!(await finished)) return;
    this.#options.folder.complete(record.path, record.file.bytes);
    this.#seal(record, term);
  }

  /**
   * Its windows are all there, or the term has ended before them, and it lies on the disk: nothing of it can be changed any
   * more. What no neighbour has signed of it is seen where it is done again.
   */
  #seal({ from, to: calls, signed, windows, watch, held }: OpenRecord, term: number): void {
    const { seals, shard, deployment } = this.#options;
    if (!seals || !signed) return;
    const place = { run: deployment.run, shard, term };
    const nonce = seals.numberOf({ ...place, from });
    const next = pledgeOf(seals.numberOf({ ...place, from: calls }));
    const seen = watch.seen();
    const seal = {
      from,
      calls,
      state: signed,
      windows: windowsHash(windows),
      nonce,
      next,
      seen,
      ...(held ? { held } : {}),
    };
    seals.bound({ type: 'sealed', ...place, seals: [seal] });
  }

  #openAt(call: number): OpenRecord | undefined {
    for (const record of this.#open.values()) if (record.from <= call && call < record.to) return record;
    return undefined;
  }

  #recordOf(call: number): OpenRecord | undefined {
    const open = this.#openAt(call);
    const { deployment, shard, folder } = this.#options;
    if (open || call < this.#silent || call >= allCalls(deployment)) return open;
    const from = stretchBegin(deployment, call, this.#begin);
    const to = stretchEnd(deployment, call);
    if (from < this.#silent || this.#isBlind) return undefined;
    if (this.#open.size >= MAX_OPEN) {
      this.#silent = to;
      return undefined;
    }
    const { path, beside } = folder.pathOf(deployment.run, recordName(shard, this.#term, from));
    const file: RecordFile = new RecordFile(path, beside, {
      ...folder.port,
      trouble: (why) => {
        // Else a trainer could not leave while its disk is full.
        if (why !== undefined && this.#closed) void file.abandon();
        this.#told(() => {
          this.#trouble = why;
        });
      },
      pending: (bytes) =>
        this.#told(() => {
          this.#pending += bytes;
        }),
    });
    const made: OpenRecord = {
      ...{ entries: 0, begun: false, ended: false },
      from,
      to,
      file,
      path,
      awaited: new Set<string>(),
      windows: [],
      watch: new BorderWatch(),
    };
    this.#open.set(from, made);
    return made;
  }

  #told(change: () => void): void {
    const was = this.#waiting;
    change();
    if (was && this.waits === undefined) this.#options.news();
  }

  #words(record: OpenRecord, kind: EntryKind, value: unknown): void {
    record.entries++;
    record.file.append(...wordsEntry(kind, value));
  }
}

/** Of its file, in the folder of its run. */
export function recordName(shard: number, term: number, from: number): string {
  return `${shard}-${term}-${from}`;
}

function windowName(way: 'in' | 'out', peer: number, call: number): string {
  return `${way}/${peer}/${call}`;
}
