/**
 * What a border has been like, and whether it still is. Of each figure the median of the last stretches, and their
 * median distance from it, which one bad stretch among many does not move. What stays becomes usual, and has been
 * audited more often until then. Pure.
 */
import type { SeenBorder } from '../wire/messages.ts';

/** Stretches that are remembered, and without which nothing is judged. */
export const MAX_PAST = 16;
export const MIN_PAST = 6;
/** Of few stretches a spread is guessed too small: among `n` all distances are shortened by so many n-ths. */
const GUESSED = 3;
/**
 * Spreads outside of all that was, from which on it is unusual, and with a score of 1. Of 5,874 stretches of borders of
 * honest trainings, of three batches each, none was further away than the first.
 */
const UNUSUAL = 4;
const VERY_UNUSUAL = 12;
const SCORE_OF_UNUSUAL = 0.25;
/** A standard deviation in median distances. */
const NORMAL = 1.4826;
/** What is left of a direction behind another stretch. */
const KEEPS = 0.8;
/** The logarithm of nothing. */
const LOG_OF_NOTHING = -60;

/** Sizes as logarithms, shares, and how much the sum of the frames points to where it did: -1 … 1. */
const FIGURES = ['rms', 'largest', 'zeros', 'repeated', 'copied', 'along'] as const;
type Figure = (typeof FIGURES)[number];
type Figures = Readonly<Record<Figure, number>>;

/** No spread counts as smaller: a border that is very even is not unusual because it is a little less so. */
const FLOORS: Figures = { rms: 0.05, largest: 0.15, zeros: 0.02, repeated: 0.01, copied: 0.005, along: 0.15 };

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

/** Whether a stretch of a border is as those before it, and the history with it. */
export function judged(history: BorderHistory, seen: SeenBorder): { unusual?: Unusual; history: BorderHistory } {
  const figures = figuresOf(seen, history.sketch);
  const unusual = unusualIn(history.past, figures, seen);
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
function unusualIn(past: readonly Figures[], figures: Figures, seen: SeenBorder): Unusual | undefined {
  if (seen.beyond > 0) return { score: 1, why: 'have values that their node cannot have' };
  if (past.length < MIN_PAST) return undefined;
  let found: { readonly figure: Figure; readonly distance: number; readonly before: number } | undefined;
  for (const figure of FIGURES) {
    const before = past.map((one) => one[figure]);
    const distance = distanceOf(before, figures[figure], FLOORS[figure]);
    if (distance > Math.max(UNUSUAL, found?.distance ?? 0)) found = { figure, distance, before: median(before) };
  }
  if (!found) return undefined;
  const { figure, distance, before } = found;
  return { score: scoreOf(distance), why: wordsOf(figure, before, figures[figure]) };
}

/** @param distance `distanceOf`. @returns 0 where it is usual */
export function scoreOf(distance: number): number {
  if (distance <= UNUSUAL) return 0;
  const above = (distance - UNUSUAL) / (VERY_UNUSUAL - UNUSUAL);
  return Math.min(1, SCORE_OF_UNUSUAL + (1 - SCORE_OF_UNUSUAL) * above);
}

/**
 * How far outside of all that was it lies, in spreads around the median. What goes its way, as errors do while a model
 * learns, is never far outside.
 */
export function distanceOf(past: readonly number[], now: number, floor: number): number {
  const middle = median(past);
  const spread = NORMAL * median(past.map((value) => Math.abs(value - middle)));
  const outside = Math.max(0, now - Math.max(...past), Math.min(...past) - now);
  return outside / Math.max(spread, floor) / (1 + GUESSED / past.length);
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
