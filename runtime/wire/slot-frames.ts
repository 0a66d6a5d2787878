/**
 * Frames of slots on their way into records: at the reader those that a tick has read, at the sender the leaves of all
 * that have gone, until the reader has told which it has read. Headers have their places (`sequence`, `consumed`) zeroed,
 * since a frame may go several times.
 */
import { type FrameKey, frameName } from '../training/frame.ts';
import type { FrameLog } from './frame-log.ts';
import { decodePacket, HEADER_BYTES, type Header, MAX_PAYLOAD_BYTES, writePosition } from './header.ts';
import { leafOf } from './merkle.ts';
import {
  bySlot,
  CallReads,
  decodeReads,
  encodeReads,
  framesRead,
  leafOfReads,
  type ReadBounds,
  readsProblem,
} from './reads.ts';

/** Packets that hold their memory until they are hashed. */
const MAX_PENDING = 16;
const NOWHERE = { consumed: 0, sequence: 0 };

/** What was read, as it is told and as a window has it. */
export interface ToldReads {
  readonly payload: Uint8Array;
  /** Of that, and of the packets. */
  readonly leaves: readonly Uint8Array[];
}

interface Came {
  readonly tick: number;
  readonly packets: readonly Uint8Array[];
  isRead: boolean;
}

/** A packet of a frame that was read: its memory is used no more when it is hashed. */
interface Read {
  readonly header: Header;
  packet?: Uint8Array | undefined;
  leaf?: Uint8Array;
}

/** At the reader, of one neighbour in one term. */
export class FramesRead {
  readonly #peer: number;
  readonly #log: FrameLog | undefined;
  readonly #reads = new CallReads();
  /** By call, then by message and microbatch: the newest. */
  readonly #came = new Map<number, Map<string, Came>>();
  readonly #packets = new Map<number, Read[]>();
  readonly #pending: Read[] = [];

  constructor(peer: number, log: FrameLog | undefined) {
    this.#peer = peer;
    this.#log = log;
  }

  /** @param packets of the frame: they stay as they are, but for their places */
  came({ message, callIndex, microbatch, tick }: FrameKey, packets: readonly Uint8Array[]): void {
    const call = this.#came.get(callIndex) ?? new Map<string, Came>();
    this.#came.set(callIndex, call);
    const slot = `${message}/${microbatch}`;
    if ((call.get(slot)?.tick ?? 0) < tick) call.set(slot, { tick, packets, isRead: false });
  }

  /** A tick of the shard has read the frame of tick `taken`; nothing: something stood in for it. */
  read(key: FrameKey, taken: number | undefined): void {
    const { message, callIndex, microbatch } = key;
    this.#reads.read(key, taken);
    if (taken === undefined || taken === 0) return;
    const came = this.#came.get(callIndex)?.get(`${message}/${microbatch}`);
    if (came?.tick !== taken) this.#reads.tear(callIndex);
    else if (!came.isRead) {
      came.isRead = true;
      for (const packet of came.packets) this.#keep(callIndex, packet);
    }
  }

  #keep(callIndex: number, packet: Uint8Array): void {
    writePosition(packet, NOWHERE);
    const header = decodePacket(packet)?.header;
    if (!header) return;
    this.#log?.taken(callIndex, this.#peer, packet);
    const one: Read = { header, packet };
    const known = this.#packets.get(callIndex);
    if (known) known.push(one);
    else this.#packets.set(callIndex, [one]);
    this.#pending.push(one);
    if (this.#pending.length > MAX_PENDING) this.settleOne();
  }

  /** Hashes one packet of what was read. @returns whether there was one */
  settleOne(): boolean {
    const next = this.#pending.shift();
    if (next?.packet) next.leaf = leafOf(next.packet);
    if (next) next.packet = undefined;
    return next !== undefined;
  }

  /** The call is over, and forgotten. */
  end(callIndex: number): ToldReads {
    while (this.settleOne());
    const told = encodeReads(this.#reads.end(callIndex));
    // What is too long to be told is not said: no record is kept of it.
    const payload = told.length > MAX_PAYLOAD_BYTES ? encodeReads(undefined) : told;
    const packets = payload.length > 0 ? (this.#packets.get(callIndex) ?? []) : [];
    for (const calls of [this.#came, this.#packets])
      for (const known of [...calls.keys()]) if (known <= callIndex) calls.delete(known);
    this.#log?.reads(callIndex, this.#peer, payload);
    const leaves = [...packets].sort((a, b) => bySlot(a.header, b.header)).flatMap(({ leaf }) => leaf ?? []);
    return { payload, leaves: [leafOfReads(payload), ...leaves] };
  }
}

interface Went {
  readonly header: Uint8Array;
  readonly leaf: Uint8Array;
}

/** At the sender, for one neighbour in one term. */
export class FramesSent {
  readonly #peer: number;
  readonly #log: FrameLog | undefined;
  readonly #bounds: ReadBounds;
  readonly #calls = new Map<number, Map<string, readonly Went[]>>();

  constructor(peer: number, log: FrameLog | undefined, bounds: ReadBounds) {
    this.#peer = peer;
    this.#log = log;
    this.#bounds = bounds;
  }

  /** A frame that has gone. @param packets plain: their memory may be used again behind this */
  went(key: FrameKey, packets: readonly Uint8Array[]): void {
    const call = this.#calls.get(key.callIndex) ?? new Map<string, readonly Went[]>();
    this.#calls.set(key.callIndex, call);
    const name = frameName(key);
    if (call.has(name)) return;
    const made = packets.map((packet) => {
      writePosition(packet, NOWHERE);
      return { header: packet.slice(0, HEADER_BYTES), leaf: leafOf(packet) };
    });
    call.set(name, made);
  }

  /** @returns why what the reader tells cannot be, or the leaves that it has to have as well */
  told(callIndex: number, payload: Uint8Array): ToldReads | string {
    const reads = decodeReads(payload);
    if (reads === 'unsound') return 'what was read is told in no form';
    const problem = readsProblem(reads, this.#bounds);
    if (problem !== undefined) return problem;
    const call = this.#calls.get(callIndex);
    const went = framesRead(reads).map((frame) => call?.get(frameName({ ...frame, callIndex })));
    for (const known of [...this.#calls.keys()]) if (known <= callIndex) this.#calls.delete(known);
    const packets: Went[] = [];
    for (const one of went) {
      if (!one) return 'a frame that was read did not go';
      packets.push(...one);
    }
    this.#log?.told(callIndex, this.#peer, payload);
    for (const { header, leaf } of packets) this.#log?.sent(callIndex, this.#peer, header, leaf);
    return { payload, leaves: [leafOfReads(payload), ...packets.map(({ leaf }) => leaf)] };
  }
}
