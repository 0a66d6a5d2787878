/** What checks measure: means over all elements of a field, each compared with what a task reads for it. */

export interface Metric {
  /** The read has a number for each class along one axis more than the field: scores, of which a softmax is taken. */
  readonly ofScores?: true;
  /** A number goes before the read: `top(5, …)`. */
  readonly counted?: true;
  /** The share of elements that are right, at most 1. */
  readonly share?: true;
}

const METRICS = {
  /** Equal ones. */
  accuracy: { share: true },
  /** Those whose class is among the best ones. */
  top: { ofScores: true, counted: true, share: true },
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
