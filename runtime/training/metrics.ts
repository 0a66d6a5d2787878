/** A metric: sums over the elements that were compared, and whether their mean holds. Pure. */
import { scoresName } from '../../spec/names.ts';
import type { FieldData } from '../device/device.ts';
import type { Evaluation } from './evaluations.ts';

export interface Compared {
  /** Of right ones, differences or logarithms. */
  readonly sum: number;
  readonly count: number;
}

export const NOTHING: Compared = { sum: 0, count: 0 };

/** How a read is compared with a field. */
export type Measure = Pick<Evaluation, 'metric' | 'classes' | 'best'>;

/**
 * Compares what was read with the right answers.
 * @param predicted elements of all samples, at least as many as there are answers; of scores `classes` times as many
 * @param before what was compared before: sums go on, so that they are the same in batches of any size
 */
export function compare(
  measure: Measure,
  predicted: ArrayLike<number>,
  answers: FieldData,
  before: Compared = NOTHING,
): Compared {
  let { sum } = before;
  const of = comparison(measure, predicted);
  for (let i = 0; i < answers.length; i++) sum += of(i, answers[i] as number);
  return { sum, count: before.count + answers.length };
}

/** What element `i` adds to the sum, by its right answer. */
function comparison(
  { metric, classes = 1, best = 1 }: Measure,
  predicted: ArrayLike<number>,
): (i: number, answer: number) => number {
  switch (metric) {
    case 'accuracy':
      return (i, answer) => Number(predicted[i] === answer);
    case 'top':
      return (i, answer) => Number(rankOf(predicted, i * classes, classes, answer) < best);
    case 'perplexity':
      return (i, answer) => surprise(predicted, i * classes, classes, answer);
    case 'mae':
      return (i, answer) => Math.abs((predicted[i] as number) - answer);
    default:
      return (i, answer) => ((predicted[i] as number) - answer) ** 2;
  }
}

/** How many classes come before this one: those with a higher score, and of equal ones the first, as `argmax` has it. */
function rankOf(scores: ArrayLike<number>, from: number, classes: number, label: number): number {
  if (!(label >= 0 && label < classes)) return classes;
  const own = scores[from + label] as number;
  let rank = 0;
  for (let c = 0; c < classes; c++) {
    const other = scores[from + c] as number;
    rank += Number(other > own || (other === own && c < label));
  }
  return rank;
}

/** -log softmax(scores) at the label; NaN where it is not a class. */
function surprise(scores: ArrayLike<number>, from: number, classes: number, label: number): number {
  if (!(label >= 0 && label < classes)) return Number.NaN;
  let largest = Number.NEGATIVE_INFINITY;
  for (let c = 0; c < classes; c++) largest = Math.max(largest, scores[from + c] as number);
  let sum = 0;
  for (let c = 0; c < classes; c++) sum += Math.exp((scores[from + c] as number) - largest);
  return Math.log(sum) + largest - (scores[from + label] as number);
}

/** What the sums come to: a share in 0 … 1, the mean error of an element, or the exponential of a mean logarithm. */
export function measured({ metric }: Pick<Measure, 'metric'>, { sum, count }: Compared): number {
  const mean = sum / Math.max(1, count);
  return metric === 'perplexity' ? Math.exp(mean) : mean;
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
