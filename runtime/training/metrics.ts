/** A metric: sums over the elements that were compared, and whether their mean holds. Pure. */
import { scoresName } from '../../spec/names.ts';
import type { FieldData } from '../device/device.ts';
import type { Evaluation } from './evaluations.ts';

export interface Compared {
  /** Equal ones, or squared differences. */
  readonly sum: number;
  readonly count: number;
}

export const NOTHING: Compared = { sum: 0, count: 0 };

/**
 * Compares what was read with the right answers.
 * @param predicted elements of all samples, at least as many as there are answers
 * @param before what was compared before: sums go on, so that they are the same in batches of any size
 */
export function compare(
  metric: string,
  predicted: ArrayLike<number>,
  answers: FieldData,
  before: Compared = NOTHING,
): Compared {
  let { sum } = before;
  for (let i = 0; i < answers.length; i++) {
    const difference = (predicted[i] as number) - (answers[i] as number);
    sum += metric === 'accuracy' ? Number(difference === 0) : difference * difference;
  }
  return { sum, count: before.count + answers.length };
}

/** Accuracy in 0 … 1, or the mean squared error of an element. */
export function meanOf({ sum, count }: Compared): number {
  return sum / Math.max(1, count);
}

/** As JSON has it. */
export function finiteOrNull(value: number | null | undefined): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

export function allFinite(values: ArrayLike<number>): boolean {
  // An iterator would take many times as long.
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return false;
  return true;
}

/** Whether a read is made of finite numbers: `argmax` of others would still be a class, so its scores are looked at. */
export function isSound(results: Readonly<Record<string, ArrayLike<number>>>, read: string): boolean {
  return [results[read], results[scoresName(read)]].every((values) => values === undefined || allFinite(values));
}

export function holds({ comparison, bound }: Pick<Evaluation, 'comparison' | 'bound'>, value: number): boolean {
  switch (comparison) {
    case '>=':
      return value >= bound;
    case '>':
      return value > bound;
    case '<=':
      return value <= bound;
    case '<':
      return value < bound;
    case '==':
      return value === bound;
  }
}
