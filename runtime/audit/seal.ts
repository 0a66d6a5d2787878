/**
 * What a trainer binds itself to behind a stretch, before it is drawn or not: its end, the windows of its borders, and its
 * own number for the draw. Pure.
 */
import { canonicalBytes } from '../wire/canonical.ts';
import { hex, sha256 } from '../wire/hash.ts';
import type { HeldBorder } from '../wire/held-border.ts';
import type { StretchName } from '../wire/ticket.ts';
import type { Window } from '../wire/window.ts';

export interface SealedWindow {
  readonly peer: number;
  readonly window: Window;
}

/** Of all windows of a stretch, in any order. */
export function windowsHash(windows: readonly SealedWindow[]): string {
  const texts = windows.map(({ peer, window: { call, direction, packets, root } }) =>
    JSON.stringify([peer, direction, call, packets, root]),
  );
  return hex(sha256(canonicalBytes(['nmc/windows/1', texts.sort()])));
}

/** Of how a shard has held the frames of its neighbours in a stretch, in the order of messages. */
export function heldHash(held: readonly HeldBorder[]): string {
  const texts = held.map(({ message, largest, rms, bound }) => [
    ...[message, largest, rms],
    ...(bound ? [bound.largest, bound.rms] : []),
  ]);
  return hex(sha256(canonicalBytes(['nmc/held/1', texts])));
}

/** A trainer's number for the draw of one stretch: no other one knows it before it is told. */
export function numberOf(secretKey: Uint8Array, { run, shard, term, from }: StretchName): string {
  return hex(sha256(canonicalBytes(['nmc/number/1', hex(sha256(secretKey)), run, shard, term, from])));
}

/** The synchronizer's secret of a term: the same again where it, or another one with its key, has begun anew. */
export function secretOf(secretKey: Uint8Array, run: string, term: number): string {
  return hex(sha256(canonicalBytes(['nmc/secret/1', hex(sha256(secretKey)), run, term])));
}
