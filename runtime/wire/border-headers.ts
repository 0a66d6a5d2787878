/** Headers of the packets that one end of a border makes, and which it takes. */
import type { Codec } from './codec.ts';
import type { Header, Kind } from './header.ts';
import { directionOf } from './window.ts';

/** Of one end in one term. */
export interface HeaderPlace {
  /** First 16 bytes of the SHA-256 of the run's name. */
  readonly runTag: Uint8Array;
  readonly plan: Uint8Array;
  readonly term: number;
  readonly own: number;
  readonly peer: number;
  readonly codec: Codec;
}

/** With all places at 0: a packet with a payload says its own. */
export function headerFor(
  { runTag: run, plan, term, own, peer, codec }: HeaderPlace,
  kind: Kind,
  consumed = 0,
): Header {
  const rest = { border: 0, batch: 0, microbatch: 0, tick: 0, sequence: 0, chunk: 0, chunks: 1, phase: 0 };
  return { kind, codec, direction: directionOf(own, peer), run, plan, term, consumed, ...rest };
}

/** Whether the other end has made it. */
export function isFromPeer({ direction, term, run, plan }: Header, at: HeaderPlace): boolean {
  if (direction !== directionOf(at.peer, at.own) || term !== at.term) return false;
  // Of every packet: a call for each byte would take as long as its seal.
  return Buffer.compare(run, at.runTag) === 0 && Buffer.compare(plan, at.plan) === 0;
}
