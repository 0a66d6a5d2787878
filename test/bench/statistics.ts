/** Numbers that survive a busy machine: medians, and rounds that count only where the machine stood still. */

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
}

/** A round counts when the ceiling moved by no more than this. */
export const MOST_DRIFT = 0.1;

export function driftOf({ before, after }: Round<unknown>): number {
  return Math.max(before, after) / Math.min(before, after) - 1;
}

export function wereDisturbed(rounds: readonly Round<unknown>[]): boolean {
  return rounds.some((round) => driftOf(round) > MOST_DRIFT);
}

/** The calm rounds, or, where there are fewer than `wanted`, those that were disturbed least. */
export function bestRounds<T>(rounds: readonly Round<T>[], wanted: number): readonly Round<T>[] {
  const calm = rounds.filter((round) => driftOf(round) <= MOST_DRIFT);
  return calm.length >= wanted ? calm : [...rounds].sort((a, b) => driftOf(a) - driftOf(b)).slice(0, wanted);
}

export interface RoundsWanted {
  readonly rounds: number;
  /** Milliseconds after which a disturbed machine is taken as it is. */
  readonly patience: number;
}

/** Even the impatient measure so often. */
const LEAST_ROUNDS = 3;

/** Measures until enough rounds were calm, or patience is at its end. */
export async function calmRounds<T>(
  wanted: RoundsWanted,
  ceiling: () => Promise<number>,
  measure: (round: number) => Promise<T>,
): Promise<readonly Round<T>[]> {
  const end = performance.now() + wanted.patience;
  const rounds: Round<T>[] = [];
  const calm = (): number => rounds.filter((round) => driftOf(round) <= MOST_DRIFT).length;
  while (calm() < wanted.rounds && (rounds.length < LEAST_ROUNDS || performance.now() < end)) {
    const before = await ceiling();
    const value = await measure(rounds.length);
    rounds.push({ value, before, after: await ceiling() });
  }
  return bestRounds(rounds, wanted.rounds);
}
