/** Numbers that survive a busy machine: medians, and rounds that count only where the machine stood still. */
import { watchStolen } from './stolen.ts';

/** @throws on no values */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted[sorted.length >> 1];
  if (middle === undefined) throw new Error('the median of nothing');
  return sorted.length % 2 === 1 ? middle : (middle + (sorted[sorted.length / 2 - 1] as number)) / 2;
}

/** A measurement between two measurements of the machine's ceiling. */
export interface Round<T> {
  readonly value: T;
  /** Milliseconds of the ceiling's work. */
  readonly before: number;
  readonly after: number;
  /** Share of the processors' time that other virtual machines took from this one meanwhile; where it is known. */
  readonly stolen?: number;
}

/** A round counts when the ceiling moved by no more than this, and no more was stolen than that. */
const MAX_DRIFT = 0.1;
const MAX_STOLEN = 0.03;

export function driftOf({ before, after }: Round<unknown>): number {
  return Math.max(before, after) / Math.min(before, after) - 1;
}

/** 1 for a round that only just counts, more for one that does not. */
export function disturbanceOf(round: Round<unknown>): number {
  return Math.max(driftOf(round) / MAX_DRIFT, (round.stolen ?? 0) / MAX_STOLEN);
}

export const isCalm = (round: Round<unknown>): boolean => disturbanceOf(round) <= 1;

export function wereDisturbed(rounds: readonly Round<unknown>[]): boolean {
  return !rounds.every(isCalm);
}

/** The calm rounds, or, where there are fewer than `wanted`, those that were disturbed least. */
export function bestRounds<T>(rounds: readonly Round<T>[], wanted: number): readonly Round<T>[] {
  const calm = rounds.filter(isCalm);
  if (calm.length >= wanted) return calm;
  return [...rounds].sort((a, b) => disturbanceOf(a) - disturbanceOf(b)).slice(0, wanted);
}

export interface RoundsWanted {
  readonly rounds: number;
  /** As many at least on a machine that is not calm: fewer where each takes long. */
  readonly least?: number;
  /** Milliseconds after which a disturbed machine is taken as it is. */
  readonly patience: number;
}

/** At least so many rounds, even when patience has run out, unless `least` says otherwise. */
const MIN_ROUNDS = 3;

/** Measures until enough rounds were calm, or patience is at its end. */
export async function calmRounds<T>(
  wanted: RoundsWanted,
  ceiling: () => Promise<number>,
  measure: (round: number) => Promise<T>,
  watch: () => () => number = watchStolen,
): Promise<readonly Round<T>[]> {
  const end = performance.now() + wanted.patience;
  const rounds: Round<T>[] = [];
  const calm = (): number => rounds.filter(isCalm).length;
  while (calm() < wanted.rounds && (rounds.length < (wanted.least ?? MIN_ROUNDS) || performance.now() < end)) {
    const before = await ceiling();
    const stolen = watch();
    const value = await measure(rounds.length);
    rounds.push({ value, stolen: stolen(), before, after: await ceiling() });
  }
  return bestRounds(rounds, wanted.rounds);
}
