/** Reports of a shard's borders to its record: each packet in and out, and each window that a neighbour signed. */
import type { Window } from './window.ts';

export interface FrameLog {
  /**
   * A data packet that a neighbour sent; it is copied before the call returns.
   * @param packet header and payload, as its leaf hashes them
   */
  taken(call: number, from: number, packet: Uint8Array): void;
  /** The neighbour has signed all packets of the call so far. */
  signed(call: number, from: number, signature: Uint8Array): void;
  /** A data packet for a neighbour. What it holds is computed again: its header and hash are enough. */
  sent(call: number, to: number, header: Uint8Array, leaf: Uint8Array): void;
  /** Which frames of the neighbour the ticks of a call have read (schedule `async`); empty: it cannot be said. */
  reads(call: number, from: number, payload: Uint8Array): void;
  /** The same, as the neighbour tells it of what was sent. */
  told(call: number, to: number, payload: Uint8Array): void;
  /** Signed by the neighbour, over what it sent or over what it got. */
  window(peer: number, window: Window): void;
}
