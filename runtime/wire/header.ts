/**
 * The header of a border packet inside its encryption (spec/wire.md, 5): fixed places, little-endian, 104 bytes; a
 * newer minor version may append fields, which `headerBytes` lets an older reader skip.
 */

import { ofPresent, zeroedBytes } from '../support/bounded.ts';
import { CODECS, type Codec } from './codec.ts';
import { safe } from './routing.ts';
import { WIRE_MAJOR, WIRE_MINOR } from './version.ts';

/** `data`: values; `ack`: credit alone; `resume`: what is expected next, after new keys; `nack`: the same after a
 * refusal; `window`: the root over all packets of one batch; `signature`: the sender's over those of them so far; `slot`:
 * values that a newer packet may replace (schedule `async`); `reads`: which of those the ticks of one call have read. */
export const KINDS = ['data', 'ack', 'resume', 'nack', 'window', 'signature', 'slot', 'reads'] as const;
export type Kind = (typeof KINDS)[number];

export interface Header {
  readonly kind: Kind;
  readonly codec: Codec;
  /** 0 from the lower shard to the higher one, 1 back. */
  readonly direction: number;
  /** Of a `resume` and a `window`: 1 where it answers another one; of a `resume` `SIGN`. Of data: 1 where it ends a frame. */
  readonly phase: number;
  /** First 16 bytes of the SHA-256 of the run's name. */
  readonly run: Uint8Array;
  readonly plan: Uint8Array;
  readonly term: number;
  /** Message of the schedule. */
  readonly border: number;
  /** Call of the run: a training batch, or a batch of an evaluation. */
  readonly batch: number;
  readonly microbatch: number;
  readonly tick: number;
  /** Packets of the other direction that were consumed before this one was sent: what the values rest on, and credit. */
  readonly consumed: number;
  /** Of this direction, from 0, without gaps. */
  readonly sequence: number;
  readonly chunk: number;
  readonly chunks: number;
}

/** Phase of a `resume` that asks for a signature over the packets of its batch, too. */
export const SIGN = 2;

export const HEADER_BYTES = 104;
/** Of one packet. */
export const MAX_PAYLOAD_BYTES = 256 * 1024;

/** @param bytes of a packet, whose header is written: `HEADER_BYTES` at the beginning */
export function writeHeader(bytes: Uint8Array, header: Header, payloadBytes: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES);
  bytes[0] = WIRE_MAJOR;
  bytes[1] = WIRE_MINOR;
  bytes[2] = KINDS.indexOf(header.kind);
  bytes[3] = CODECS.indexOf(header.codec);
  view.setUint16(4, HEADER_BYTES, true);
  bytes[6] = header.direction;
  bytes[7] = header.phase;
  bytes.set(header.run, 8);
  bytes.set(header.plan, 24);
  view.setUint32(56, header.term, true);
  view.setUint32(60, header.border, true);
  view.setUint32(64, header.batch, true);
  view.setUint32(68, header.microbatch, true);
  view.setUint32(72, header.tick, true);
  writePosition(bytes, header);
  view.setUint32(92, header.chunk, true);
  view.setUint32(96, header.chunks, true);
  view.setUint32(100, payloadBytes, true);
}

/** Where both directions are: what may only be known when a packet goes out. */
export function writePosition(bytes: Uint8Array, { consumed, sequence }: Pick<Header, 'consumed' | 'sequence'>): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES);
  view.setBigUint64(76, BigInt(consumed), true);
  view.setBigUint64(84, BigInt(sequence), true);
}

export function encodePacket(header: Header, payload: Uint8Array): Uint8Array {
  const bytes = zeroedBytes(ofPresent(HEADER_BYTES + payload.length));
  writeHeader(bytes, header, payload.length);
  bytes.set(payload, HEADER_BYTES);
  return bytes;
}

/** @returns header and payload (a view), or nothing for what is not a sound packet */
export function decodePacket(bytes: Uint8Array): { readonly header: Header; readonly payload: Uint8Array } | undefined {
  if (bytes.length < HEADER_BYTES || bytes[0] !== WIRE_MAJOR) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const kind = KINDS[bytes[2] as number];
  const codec = CODECS[bytes[3] as number];
  const headerBytes = view.getUint16(4, true);
  const length = view.getUint32(100, true);
  if (kind === undefined || codec === undefined || headerBytes < HEADER_BYTES || length > MAX_PAYLOAD_BYTES)
    return undefined;
  if (headerBytes + length !== bytes.length) return undefined;
  const [consumed, sequence] = [safe(view.getBigUint64(76, true)), safe(view.getBigUint64(84, true))];
  if (consumed === undefined || sequence === undefined) return undefined;
  const header: Header = {
    kind,
    codec,
    direction: view.getUint8(6),
    phase: view.getUint8(7),
    run: bytes.subarray(8, 24),
    plan: bytes.subarray(24, 56),
    term: view.getUint32(56, true),
    border: view.getUint32(60, true),
    batch: view.getUint32(64, true),
    microbatch: view.getUint32(68, true),
    tick: view.getUint32(72, true),
    consumed,
    sequence,
    chunk: view.getUint32(92, true),
    chunks: view.getUint32(96, true),
  };
  return { header, payload: bytes.subarray(headerBytes) };
}

/** What the packets of one frame hold together. @returns a view where it is one */
export function joinedPayload(packets: readonly Uint8Array[]): Uint8Array {
  const payloads = packets.map((p) => decodePacket(p)?.payload ?? new Uint8Array(0));
  const [only] = payloads;
  return only && payloads.length === 1 ? only : Buffer.concat(payloads);
}
