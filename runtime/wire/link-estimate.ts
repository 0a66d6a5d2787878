/** Estimates the rate of a link from the times at which the pieces of a train arrived. */

import { boundedCount, listOf } from '../support/bounded.ts';

export interface Arrival {
  /** Milliseconds. */
  readonly at: number;
  readonly bytes: number;
}

export interface RateEstimate {
  readonly bytesPerSecond: number;
  /** Between the arrivals that were counted: the longer, the less a clock's noise matters. */
  readonly milliseconds: number;
}

/** Buckets along the way are full at first, and let the beginning of a train through at once. */
const LEFT_OUT = 0.25;
/** A clock and an event loop tell no two moments apart that are closer. */
const MIN_SPREAD_MS = 0.5;

/**
 * The rate at which a train of pieces, sent at once, arrives. The first quarter is left out, as is whatever was read together
 * with the piece from which time is counted, since that had waited.
 * @returns nothing for less than two moments
 */
export function estimateRate(arrivals: readonly Arrival[]): RateEstimate | undefined {
  const total = arrivals.reduce((sum, { bytes }) => sum + bytes, 0);
  let before = 0;
  let begin: Arrival | undefined;
  let counted = 0;
  for (const arrival of arrivals) {
    if (begin && arrival.at - begin.at >= MIN_SPREAD_MS) counted += arrival.bytes;
    else if (!begin && before + arrival.bytes >= LEFT_OUT * total) begin = arrival;
    before += arrival.bytes;
  }
  const last = arrivals.at(-1);
  if (!begin || !last || counted === 0) return undefined;
  const milliseconds = last.at - begin.at;
  return { bytesPerSecond: (1000 * counted) / milliseconds, milliseconds };
}

/**
 * The same where the far end tells of two moments only.
 * @param began milliseconds at which the answer came to what went out before the train
 * @param ended milliseconds at which the answer came to what went out behind it
 */
export function estimateBetween(bytes: number, began: number, ended: number): RateEstimate {
  const milliseconds = Math.max(MIN_SPREAD_MS, ended - began);
  return { bytesPerSecond: (1000 * bytes) / milliseconds, milliseconds };
}

export const FIRST_PROBE_BYTES = 32 * 1024;
export const MAX_PROBE_BYTES = 2 * 1024 * 1024;
/** A train that takes so long is measured well. */
const LONG_ENOUGH_MS = 80;
const WANTED_MS = 200;
/** A first look at a fast link may be far off. */
const MAX_GROWTH = 16;

/** How long the next train has to be; nothing where this one is enough. @param estimate of a train of `bytes` */
export function nextProbe(bytes: number, estimate: RateEstimate | undefined): number | undefined {
  if (bytes >= MAX_PROBE_BYTES || (estimate && estimate.milliseconds >= LONG_ENOUGH_MS)) return undefined;
  const wanted = estimate ? (estimate.bytesPerSecond * WANTED_MS) / 1000 : Number.POSITIVE_INFINITY;
  return Math.round(Math.min(Math.max(2 * bytes, wanted), MAX_GROWTH * bytes, MAX_PROBE_BYTES));
}

/** Trains of one direction so far. */
export interface Trains {
  /** Of the train that is next. */
  readonly bytes: number;
  /** Bytes a second, of the faster of two: what disturbs a train only makes it slower. */
  readonly best: number;
  readonly count: number;
  /** The next one only looks whether the one before it was disturbed. */
  readonly again: boolean;
}

export const NO_TRAINS: Trains = { bytes: FIRST_PROBE_BYTES, best: 0, count: 0, again: false };
/** A train has about 32. */
const MAX_PIECES = 64;
const MAX_TRAINS = 8;

/** @returns what follows, with no bytes where nothing does */
export function afterTrain({ bytes, best, count, again }: Trains, estimate: RateEstimate | undefined): Trains {
  const next = nextProbe(bytes, estimate);
  const seen = estimate?.bytesPerSecond ?? 0;
  // Of a shorter train nothing counts any more: a clock's noise was more of it.
  const known = { best: again ? Math.max(best, seen) : seen || best, count: count + 1 };
  if (known.count >= MAX_TRAINS) return { ...known, bytes: 0, again: false };
  if (next !== undefined) return { ...known, bytes: next, again: false };
  return { ...known, bytes: again ? 0 : bytes, again: true };
}

/** The pieces of a train, so many that one is little of it. */
export function probePieces(bytes: number): number[] {
  const piece = Math.min(64 * 1024, Math.max(1024, Math.ceil(bytes / 32)));
  const whole = boundedCount(Math.floor(bytes / piece), MAX_PIECES, 'the pieces of a probe');
  const rest = bytes - whole * piece;
  return [...listOf(whole, () => piece), ...(rest >= 64 ? [rest] : [])];
}
