/** A metric: sums over the elements that were compared, and whether what they come to holds. */
import { isRanked, metricCalled } from '../../spec/metrics.ts';
import { scoresName } from '../../spec/names.ts';
import type { FieldData } from '../device/device.ts';
import type { Compared } from './compared.ts';
import type { Evaluation } from './evaluations.ts';
import { Ranking } from './ranking.ts';
import { logOfSum } from './scores.ts';

/** How a read is compared with a field. */
export type Measure = Pick<Evaluation, 'metric' | 'classes' | 'best' | 'class'>;

/**
 * Compares what was read of a batch with the right answers.
 * @param predicted elements of all samples, at least as many as there are answers; of scores `classes` times as many
 * @param before what was compared before: sums go on, so that they are the same in batches of any size
 * @param isLast no other batch follows
 */
export type Comparing = (
  predicted: ArrayLike<number>,
  answers: FieldData,
  before: Compared,
  isLast: boolean,
) => Compared;

/** One run through the data of an evaluation: where elements are ranked, it keeps their scores until the last batch. */
export function comparing(measure: Measure): Comparing {
  if (!isRanked(measure.metric)) return (predicted, answers, before) => compare(measure, predicted, answers, before);
  const ranking = new Ranking(measure);
  return (predicted, answers, before, isLast) => ranking.add(predicted, answers, before, isLast);
}

function compare(measure: Measure, predicted: ArrayLike<number>, answers: FieldData, before: Compared): Compared {
  let { sum } = before;
  const count = before.count + answers.length;
  const of = comparison(measure, predicted);
  for (let i = 0; i < answers.length; i++) sum += of(i, answers[i] as number);
  if (metricCalled(measure.metric)?.ofSome !== 'elements') return { sum, count };
  return { sum, count, of: (before.of ?? 0) + elementsOf(measure, predicted, answers) };
}

/** How many elements a share is of: those read as the class, or those that are of it. */
function elementsOf({ metric, class: label }: Measure, predicted: ArrayLike<number>, answers: FieldData): number {
  const counted = metric === 'precision' ? predicted : answers;
  let count = 0;
  for (let i = 0; i < answers.length; i++) count += Number(counted[i] === label);
  return count;
}

/** What element `i` adds to the sum, by its right answer. */
function comparison(
  { metric, classes = 1, best = 1, class: label }: Measure,
  predicted: ArrayLike<number>,
): (i: number, answer: number) => number {
  switch (metric) {
    case 'accuracy':
      return (i, answer) => Number(predicted[i] === answer);
    case 'precision':
    case 'recall':
      return (i, answer) => Number(answer === label && predicted[i] === label);
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
  return logOfSum(scores, from, classes) - (scores[from + label] as number);
}

/**
 * What the sums come to: a share in 0 … 1, the mean error of an element, or the exponential of a mean logarithm; NaN for a
 * share of elements that there are none of.
 */
export function measured({ metric }: Pick<Measure, 'metric'>, { sum, count, of }: Compared): number {
  if (metricCalled(metric)?.ofSome) return of ? sum / of : Number.NaN;
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
