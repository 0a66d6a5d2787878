/** What checks measure: figures over all elements of a field, each compared with what a task reads for it. */

export interface Metric {
  /**
   * The read has a number for each class along one axis more than the field: scores, of which a softmax is taken.
   * `or-one`: it may have one number for each element instead, the score of the class.
   */
  readonly ofScores?: true | 'or-one';
  /** Of the scores only their order within an element counts: a softmax of them has the same. */
  readonly byRank?: true;
  /** A number goes before the read: how many of the best classes count, `top(5, …)`, or a class, `recall(7, …)`. */
  readonly number?: 'best' | 'class';
  /** The share of elements or pairs that are right, at most 1. */
  readonly share?: true;
  /** A share of some elements, or of pairs of them, which are counted; none may be there: then there is no figure. */
  readonly ofSome?: 'elements' | 'pairs';
}

const METRICS = {
  /** Equal ones. */
  accuracy: { share: true },
  /** Those whose class is among the best ones. */
  top: { ofScores: true, byRank: true, number: 'best', share: true },
  /** Of the elements read as a class, those that are of it. */
  precision: { number: 'class', share: true, ofSome: 'elements' },
  /** Of the elements of a class, those that are read as it. */
  recall: { number: 'class', share: true, ofSome: 'elements' },
  /** Of the pairs of an element of a class and one of no such class, those where the first has the higher score. */
  auc: { ofScores: 'or-one', number: 'class', share: true, ofSome: 'pairs' },
  /** exp of the mean of -log softmax(scores) at the right class. */
  perplexity: { ofScores: true },
  /** Squared differences. */
  error: {},
  /** The same, as others call it. */
  mse: {},
  /** Absolute differences. */
  mae: {},
} as const satisfies Readonly<Record<string, Metric>>;

export type MetricName = keyof typeof METRICS;

export const METRIC_NAMES = Object.keys(METRICS) as readonly MetricName[];

/** @returns undefined where there is no such metric */
export function metricCalled(name: string): Metric | undefined {
  return Object.hasOwn(METRICS, name) ? METRICS[name as MetricName] : undefined;
}

export function isShare(name: string): boolean {
  return metricCalled(name)?.share === true;
}

/** Whether a figure needs all elements at once, and so begins and ends with one run through the data. */
export function isRanked(name: string): boolean {
  return metricCalled(name)?.ofSome === 'pairs';
}
