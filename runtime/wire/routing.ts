/**
 * The head of every binary message, in the clear, so that a relay can carry it and a reader can drop it unread:
 * border packets by run, term and shards, blobs by hash (spec/wire.md, 4).
 */

import { ofPresent, zeroedBytes } from '../support/bounded.ts';
import { WIRE_MAJOR } from './version.ts';

export const BORDER = 1;
export const BLOB = 2;
export const PROBE = 3;
export const BORDER_HEAD = 38;
export const BLOB_HEAD = 50;
/** No binary message is longer. */
export const MAX_BINARY_BYTES = 256 * 1024 + 512;

export interface BorderHead {
  readonly kind: typeof BORDER;
  /** First 16 bytes of the SHA-256 of the run's name. */
  readonly run: Uint8Array;
  readonly term: number;
  readonly from: number;
  readonly to: number;
  /** Which keys: the first bytes of their transcript. */
  readonly keys: number;
  /** Never twice under the same keys. */
  readonly counter: number;
}

/** Of a probe between two trainers: a part of a train; the turn is over, with more to come, or without. */
export const PIECE = 0;
export const MORE_TO_COME = 1;
export const NOTHING_MORE = 2;
export type ProbePiece = typeof PIECE | typeof MORE_TO_COME | typeof NOTHING_MORE;

/** Bytes that only show how fast a link carries them. */
export interface ProbeHead {
  readonly kind: typeof PROBE;
  /** To the gateway it means nothing. */
  readonly piece: ProbePiece;
}

export interface BlobHead {
  readonly kind: typeof BLOB;
  readonly hash: Uint8Array;
  readonly offset: number;
  readonly total: number;
}

/** @param bytes of a message, whose head is written */
export function writeBorderHead(bytes: Uint8Array, head: Omit<BorderHead, 'kind'>): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, BORDER_HEAD);
  bytes[0] = BORDER;
  bytes[1] = WIRE_MAJOR;
  bytes.set(head.run, 2);
  view.setUint32(18, head.term, true);
  view.setUint16(22, head.from, true);
  view.setUint16(24, head.to, true);
  view.setUint32(26, head.keys, true);
  view.setBigUint64(30, BigInt(head.counter), true);
}

export function encodeBorderHead(head: Omit<BorderHead, 'kind'>): Uint8Array {
  const bytes = new Uint8Array(BORDER_HEAD);
  writeBorderHead(bytes, head);
  return bytes;
}

export function encodeBlobChunk(hash: Uint8Array, offset: number, total: number, data: Uint8Array): Uint8Array {
  const bytes = zeroedBytes(ofPresent(BLOB_HEAD + data.length));
  const view = new DataView(bytes.buffer);
  bytes.set([BLOB, WIRE_MAJOR]);
  bytes.set(hash, 2);
  view.setBigUint64(34, BigInt(offset), true);
  view.setBigUint64(42, BigInt(total), true);
  bytes.set(data, BLOB_HEAD);
  return bytes;
}

/** @param filling what stands in it: nothing that a link could make smaller */
export function encodeProbe(filling: Uint8Array, piece: ProbePiece = PIECE): Uint8Array {
  const bytes = zeroedBytes(ofPresent(Math.max(BORDER_HEAD, filling.length)));
  bytes.set(filling);
  bytes.set([PROBE, WIRE_MAJOR, piece]);
  return bytes;
}

/** @returns nothing for what is not a message of this version */
export function decodeHead(bytes: Uint8Array): BorderHead | BlobHead | ProbeHead | undefined {
  if (bytes.length < BORDER_HEAD || bytes.length > MAX_BINARY_BYTES || bytes[1] !== WIRE_MAJOR) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes[0] === BORDER) {
    const counter = safe(view.getBigUint64(30, true));
    if (counter === undefined) return undefined;
    return {
      kind: BORDER,
      run: bytes.subarray(2, 18),
      term: view.getUint32(18, true),
      from: view.getUint16(22, true),
      to: view.getUint16(24, true),
      keys: view.getUint32(26, true),
      counter,
    };
  }
  if (bytes[0] === PROBE) return { kind: PROBE, piece: pieceOf(bytes[2]) };
  if (bytes[0] !== BLOB || bytes.length < BLOB_HEAD) return undefined;
  const [offset, total] = [safe(view.getBigUint64(34, true)), safe(view.getBigUint64(42, true))];
  if (offset === undefined || total === undefined) return undefined;
  return { kind: BLOB, hash: bytes.subarray(2, 34), offset, total };
}

function pieceOf(byte: number | undefined): ProbePiece {
  return byte === MORE_TO_COME || byte === NOTHING_MORE ? byte : PIECE;
}

/** @returns nothing beyond the whole numbers that are told apart */
export function safe(value: bigint): number | undefined {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : undefined;
}
