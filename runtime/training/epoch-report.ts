/** What an epoch's report says, wherever it was trained. Pure. */
import { batchesOf, leftOutOf, type RunLengths } from './calls.ts';
import { accuracyIn, type Evaluation, validationIn } from './evaluations.ts';
import { energiesIn, type Totals } from './totals.ts';

export interface EpochReport {
  /** From 1. */
  readonly epoch: number;
  /** Of a sample, over all nodes. */
  readonly energy: number;
  /** The first accuracy check of the model on its own data; null where the model has none. */
  readonly accuracy: number | null;
  readonly seconds: number;
  readonly samplesPerSecond: number;
  /** The check of `validatedBy` on the validation's data; absent where there is no validation. */
  readonly validation?: number;
  readonly energyByNode: Readonly<Record<string, number>>;
  /** Nodes whose error is below the optimiser's epsilon: what predicts them learns nothing. Absent: none. */
  readonly learnsNothing?: readonly string[];
  /** Samples that the epoch left out, since they do not fill a batch. Absent: none. */
  readonly leftOut?: number;
}

/** What a report is made of, beside sums. */
export interface ReportedRun extends Pick<RunLengths, 'train' | 'batch'> {
  readonly evaluations: readonly Evaluation[];
  /** What the optimiser adds to the size of a gradient. */
  readonly epsilon?: number;
}

export interface EpochFigures {
  /** From 1. */
  readonly epoch: number;
  /** Sums of the whole epoch. */
  readonly totals: Totals;
  /** Where they were counted otherwise than in whole batches. */
  readonly samples?: number;
  readonly seconds: number;
  /** Of each evaluation; undefined where this epoch did not measure it. */
  readonly values: readonly (number | undefined)[];
}

export function epochReport(run: ReportedRun, figures: EpochFigures): EpochReport {
  const { epoch, totals, seconds, values } = figures;
  const samples = figures.samples ?? batchesOf(run) * run.batch;
  const energyByNode = Object.fromEntries(
    energiesIn(totals).map(({ node, value }) => [node, value / Math.max(1, samples)]),
  );
  const validation = values[validationIn(run.evaluations)];
  const learnsNothing = learningNothing(energyByNode, run.epsilon);
  const leftOut = leftOutOf(run);
  return {
    epoch,
    energy: Object.values(energyByNode).reduce((a, b) => a + b, 0),
    accuracy: values[accuracyIn(run.evaluations)] ?? null,
    seconds,
    samplesPerSecond: samples / Math.max(1e-9, seconds),
    ...(validation === undefined ? {} : { validation }),
    energyByNode,
    ...(learnsNothing.length > 0 ? { learnsNothing } : {}),
    ...(leftOut > 0 ? { leftOut } : {}),
  };
}

/** What a run's folder keeps of a report: its numbers. */
export function metricsOf(report: EpochReport): {
  readonly epoch: number;
  readonly energy: number;
  readonly [measure: string]: number | Readonly<Record<string, number>>;
} {
  const { epoch, energy, accuracy, seconds, samplesPerSecond, energyByNode, validation } = report;
  return {
    ...{ epoch, energy },
    ...(accuracy === null ? {} : { accuracy }),
    ...{ seconds, samplesPerSecond, energyByNode: { ...energyByNode } },
    ...(validation === undefined ? {} : { validation }),
  };
}

/**
 * Nodes whose error is too small to move a weight, and whose links so learn nothing: no unit's error is above the root
 * of twice the node's energy (equation 2, precision 1).
 * @param epsilon what the optimiser adds to the size of a gradient
 */
export function learningNothing(energyByNode: Readonly<Record<string, number>>, epsilon = 0): string[] {
  return Object.entries(energyByNode).flatMap(([node, energy]) =>
    energy >= 0 && Math.sqrt(2 * energy) <= epsilon ? [node] : [],
  );
}
