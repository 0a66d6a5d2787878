/** Figures of an epoch's report, wherever it was trained. Pure. */
import type { EpochReport, KeptEpoch } from '../../spec/run-events.ts';
import { batchesOf, leftOutOf, type RunLengths } from './calls.ts';
import { accuracyIn, type Evaluation, validationIn } from './evaluations.ts';
import { energiesIn, type Totals } from './totals.ts';

export type { EpochReport } from '../../spec/run-events.ts';

/** Facts that a report is made of, beside sums. */
export interface ReportedRun extends Pick<RunLengths, 'train' | 'batch' | 'last'> {
  readonly evaluations: readonly Evaluation[];
  /** Number that the optimiser adds to the size of a gradient. */
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
    energy: sumByName(energyByNode),
    accuracy: values[accuracyIn(run.evaluations)] ?? null,
    seconds,
    samplesPerSecond: samples / Math.max(1e-9, seconds),
    ...(validation === undefined ? {} : { validation }),
    energyByNode,
    ...(learnsNothing.length > 0 ? { learnsNothing } : {}),
    ...(leftOut > 0 ? { leftOut } : {}),
  };
}

/** In the order of the names: shards and meshes have them in orders of their own, and sums round by theirs. */
function sumByName(energies: Readonly<Record<string, number>>): number {
  const names = Object.keys(energies).sort();
  return names.reduce((sum, name) => sum + (energies[name] ?? 0), 0);
}

/** Numbers of a report that a run's folder keeps. */
export function metricsOf(report: KeptEpoch): {
  readonly epoch: number;
  readonly energy: number;
  readonly [measure: string]: number | Readonly<Record<string, number | null>>;
} {
  const { epoch, accuracy, seconds, energyByNode, validation } = report;
  const [energy, samplesPerSecond] = [report.energy ?? Number.NaN, report.samplesPerSecond ?? Number.NaN];
  return {
    ...{ epoch, energy },
    ...(accuracy === null ? {} : { accuracy }),
    ...{ seconds, samplesPerSecond, energyByNode: { ...energyByNode } },
    ...(validation === undefined ? {} : { validation: validation ?? Number.NaN }),
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
