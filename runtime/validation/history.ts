/**
 * What a border has been like, and whether it still is. Of each figure the median of the last stretches, and how far they are
 * from it without the furthest one: one bad stretch among many does not move it. Honest work is taken for unusual with a chance
 * that is bounded over all that is compared at a time. What stays becomes usual, and has been audited more often until
 * then. Pure.
 */
import type { SeenBorder } from '../wire/messages.ts';

/** Stretches that are remembered, and without which nothing is judged. */
export const MAX_PAST = 16;
export const MIN_PAST = 6;
/**
 * Chance that something of what is compared at a time is unusual where all is as it ever was, up to chance: at most, of normal
 * noise; of noise with exponential tails it is up to four times as much (`standing.test.ts`).
 */
export const FALSE_CHANCE = 0.01;
/** So many times as far as what is just unusual, from which on there is a score of 1. */
const VERY_UNUSUAL = 3;
const SCORE_OF_UNUSUAL = 0.25;
/** What is left of a direction behind another stretch. */
const KEEPS = 0.8;
/** The logarithm of nothing. */
const LOG_OF_NOTHING = -60;

/** Sizes as logarithms, shares, and how much the sum of the frames points to where it did: -1 … 1. */
const FIGURES = ['rms', 'largest', 'zeros', 'repeated', 'copied', 'along'] as const;
type Figure = (typeof FIGURES)[number];
type Figures = Readonly<Record<Figure, number>>;

/** No spread counts as smaller: a border that is very even is not unusual because it is a little less so. */
const FLOORS: Figures = { rms: 0.03, largest: 0.09, zeros: 0.012, repeated: 0.006, copied: 0.003, along: 0.09 };

/** Of what may be found by chance, so much by each figure: the more, the sooner a change of it is seen. Together 1. */
const SHARES: Figures = { rms: 0.5, largest: 0.1, zeros: 0.1, repeated: 0.05, copied: 0.05, along: 0.2 };

export interface BorderHistory {
  /** The newest last. */
  readonly past: readonly Figures[];
  /** Where frames have pointed to; nothing before there was one. */
  readonly sketch: readonly number[];
}

export const NO_HISTORY: BorderHistory = { past: [], sketch: [] };

export interface Unusual {
  /** 0 … 1. */
  readonly score: number;
  /** In words, of the frames. */
  readonly why: string;
}

/**
 * Whether a stretch of a border is as those before it, and the history with it.
 * @param borders that are judged together
 */
export function judged(
  history: BorderHistory,
  seen: SeenBorder,
  borders: number,
): { unusual?: Unusual; history: BorderHistory } {
  const figures = figuresOf(seen, history.sketch);
  const unusual = unusualIn(history.past, figures, seen, borders);
  const next = { past: [...history.past, figures].slice(-MAX_PAST), sketch: mixed(history.sketch, seen.sketch) };
  return { ...(unusual ? { unusual } : {}), history: next };
}

function figuresOf({ rms, largest, zeros, repeated, copied, sketch }: SeenBorder, before: readonly number[]): Figures {
  return { rms: logOf(rms), largest: logOf(largest), zeros, repeated, copied, along: along(before, sketch) };
}

/** The cosine of two directions; 0 where one of them is none. */
function along(a: readonly number[], b: readonly number[]): number {
  const length = Math.hypot(...a) * Math.hypot(...b);
  return length === 0 ? 0 : a.reduce((sum, n, i) => sum + n * (b[i] ?? 0), 0) / length;
}

/** Of the newest stretches most. */
function mixed(before: readonly number[], now: readonly number[]): number[] {
  return now.map((n, i) => Number((KEEPS * (before[i] ?? 0) + (1 - KEEPS) * n).toFixed(4)));
}

export function logOf(amount: number): number {
  return Math.max(LOG_OF_NOTHING, Math.log(amount));
}

/** The figure that is furthest from what it was. */
function unusualIn(past: readonly Figures[], figures: Figures, seen: SeenBorder, borders: number): Unusual | undefined {
  if (seen.beyond > 0) return { score: 1, why: 'have values that their node cannot have' };
  if (past.length < MIN_PAST) return undefined;
  let found: { readonly figure: Figure; readonly distance: number; readonly before: number } | undefined;
  for (const figure of FIGURES) {
    const before = past.map((one) => one[figure]);
    const distance = distanceOf(before, figures[figure], FLOORS[figure], borders / SHARES[figure]);
    if (distance > Math.max(1, found?.distance ?? 0)) found = { figure, distance, before: median(before) };
  }
  if (!found) return undefined;
  const { figure, distance, before } = found;
  return { score: scoreOf(distance), why: wordsOf(figure, before, figures[figure]) };
}

/** @param distance `distanceOf`. @returns 0 where it is usual */
export function scoreOf(distance: number): number {
  if (distance <= 1) return 0;
  const above = (distance - 1) / (VERY_UNUSUAL - 1);
  return Math.min(1, SCORE_OF_UNUSUAL + (1 - SCORE_OF_UNUSUAL) * above);
}

/**
 * How far outside of all that was it lies, over how far honest work is with a chance of `FALSE_CHANCE`. What goes its way, as
 * errors do while a model learns, is never far outside.
 * @param past `MIN_PAST` at least
 * @param compared how many figures are compared at the same time, of which each has the same share of that chance
 */
export function distanceOf(past: readonly number[], now: number, floor: number, compared: number): number {
  const outside = Math.max(0, now - Math.max(...past), Math.min(...past) - now);
  return outside === 0 ? 0 : outside / Math.max(spreadOf(past), floor) / farthest(past.length, compared);
}

/** Mean distance from the median, without the largest. */
function spreadOf(past: readonly number[]): number {
  const middle = median(past);
  const distances = past.map((value) => Math.abs(value - middle)).sort((a, b) => a - b);
  return distances.slice(0, -1).reduce((sum, one) => sum + one, 0) / (distances.length - 1);
}

/**
 * Spreads beyond all that was that are just usual. Of `n` stretches a further one lies outside with a chance of 2 / (n + 1),
 * and by `d` spreads more, where tails fall exponentially and `k` distances tell how fast, of (1 + d / k)^-k. That of the
 * normal distribution is smaller; without the largest distance the spread is a little too small.
 */
function farthest(past: number, compared: number): number {
  const free = past - 2;
  const chance = ((past + 1) * FALSE_CHANCE) / (2 * compared);
  return free * (Math.max(1, 1 / chance) ** (1 / free) - 1);
}

function wordsOf(figure: Figure, before: number, now: number): string {
  const percent = (share: number): string => `${Math.round(100 * share)} %`;
  switch (figure) {
    case 'rms':
    case 'largest': {
      const what = figure === 'rms' ? 'are' : 'have a largest value that is';
      if (now <= LOG_OF_NOTHING) return 'are all zero, which they were not';
      if (before <= LOG_OF_NOTHING) return 'are no longer all zero';
      return `${what} ${factor(Math.exp(now - before))} times as large as before`;
    }
    case 'zeros':
      return `have ${percent(now)} of zeros instead of ${percent(before)}`;
    case 'along':
      return 'point to elsewhere than before';
    case 'repeated':
      return `repeat earlier ones in ${percent(now)} of cases instead of ${percent(before)}`;
    case 'copied':
      return `are those of another shard in ${percent(now)} of cases instead of ${percent(before)}`;
  }
}

function factor(times: number): string {
  return times >= 100 ? times.toFixed(0) : times >= 1 ? times.toFixed(1) : times.toPrecision(1);
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  const upper = sorted[half] ?? 0;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[half - 1] ?? upper)) / 2;
}
