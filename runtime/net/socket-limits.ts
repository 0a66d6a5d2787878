/** Bounds of a WebSocket: the bytes that it holds before they are read, and the words of its end. */
import type { WebSocket } from 'ws';
import { printable } from '../support/printable.ts';

/** Of every socket: no compression, no message in thousands of pieces. */
export const SOCKET_LIMITS = { perMessageDeflate: false, maxFragments: 64, maxBufferedChunks: 8192 } as const;

/** Of an HTTP server in front of them, in milliseconds: its own look for late ones is every half minute otherwise. */
export const REQUEST_LIMITS = {
  headersTimeout: 5000,
  requestTimeout: 10_000,
  connectionsCheckingInterval: 1000,
} as const;

/**
 * The longest message from now on. `ws` takes it once, when the connection is made, before any proof; a test holds that
 * this still reaches it.
 */
export function setMaxPayload(socket: WebSocket, bytes: number): void {
  const { _receiver: receiver } = socket as unknown as { readonly _receiver?: { _maxPayload?: number } };
  if (receiver?._maxPayload === undefined) throw new Error('ws keeps its limit of messages elsewhere');
  receiver._maxPayload = bytes;
}

const MAX_REASON_BYTES = 123;

/** Why a connection ends, as short as RFC 6455 wants it. */
export function closeReason(text: string): string {
  let short = text;
  while (Buffer.byteLength(short) > MAX_REASON_BYTES) short = short.slice(0, -1);
  return short;
}

/** The other end's words, for people of this one. */
export function reasonText(reason: Buffer | string): string {
  return printable(String(reason), MAX_REASON_BYTES);
}
