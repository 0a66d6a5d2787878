/**
 * The training loop of one shard: batches go to the device a few ahead of their results, epochs end with a
 * measurement and a snapshot, a stop is taken between two batches.
 */
import type { Plan, PlanCheck, PlanTraining } from '../../spec/plan.ts';
import type { Dataset } from '../data/dataset.ts';
import { feedBatches } from '../data/feed.ts';
import { batchCount } from '../data/order.ts';
import type { FieldData, Position, SampleRunner, Tensor } from '../device/device.ts';
import type { RunState, TrainingRun } from '../store/run-folder.ts';
import { UserError } from '../support/errors.ts';
import { accuracyOf, type CheckResult, predictionOf, runChecks, validatedBy } from './checks.ts';
import { holds, measure } from './evaluate.ts';
import type { Shard } from './shard.ts';
import { inputsOfStep } from './steps.ts';
import {
  addResults,
  divergedRepair,
  emptyTotals,
  learningNothing,
  type Totals,
  totalsAsNumbers,
  totalsFrom,
} from './totals.ts';
import type { TrainingData } from './trainable.ts';
import { Stopped, type Watch } from './watch.ts';

export interface TrainingOptions {
  readonly plan: Plan;
  readonly training: PlanTraining;
  readonly shard: Shard;
  readonly data: TrainingData;
  readonly run: TrainingRun;
  readonly epochs: number;
  readonly seed: number;
  /** Asked between batches. */
  readonly stopRequested: () => boolean;
  readonly observer: TrainingObserver;
  /** Milliseconds of a clock that only goes forward. */
  readonly now: () => number;
}

export interface TrainingObserver {
  epochStarted(epoch: number, epochs: number, batches: number, done: number): void;
  batchDone(batch: number, samples: number): void;
  /** While the model is measured. @param done samples of `total` */
  measuring(data: string, done: number, total: number): void;
  epochDone(report: EpochReport): void;
}

export interface EpochReport {
  /** From 1. */
  readonly epoch: number;
  readonly energy: number;
  readonly energyByNode: Readonly<Record<string, number>>;
  /** Nodes whose error is below the optimiser's epsilon: what predicts them learns nothing. */
  readonly idle: readonly string[];
  /** First accuracy check of the model on its own data; null where the model has none. */
  readonly accuracy: number | null;
  /** The check of `validatedBy` on the validation's data; null without either. */
  readonly validation: number | null;
  /** Of training alone. */
  readonly seconds: number;
  readonly samplesPerSecond: number;
}

export type TrainingEnd =
  | { readonly kind: 'done'; readonly accuracy: number | null; readonly checks: readonly CheckResult[] }
  | { readonly kind: 'interrupted' };

/** Batches that may be on their way to the device: enough to hide the feed, few enough to stop at once. */
const IN_FLIGHT = 2;
/** A snapshot at least this often, so that a long epoch loses little. */
const SNAPSHOT_MILLISECONDS = 60_000;

export async function train(options: TrainingOptions): Promise<TrainingEnd> {
  const { training, data, epochs, observer, run, shard } = options;
  const batches = batchCount(data.train.length, training.batch, true);
  const from = run.resumedFrom;
  let totals = totalsFrom(from.totals);
  const save = async (epoch: number, batch: number): Promise<void> =>
    run.saveSnapshot(
      await stateOf(options, { epoch, batch, update: epoch * batches + batch, finished: false }, totals),
    );
  // Steps of a sequence are cut from what was fed.
  const kept = training.sequence === undefined ? await shard.keep?.('train', data.train.length) : undefined;
  let measured: CheckResult[] = [];
  for (let epoch = from.epoch; epoch < epochs; epoch++) {
    const firstBatch = epoch === from.epoch ? from.batch : 0;
    observer.epochStarted(epoch + 1, epochs, batches, firstBatch);
    const stoppedAt = await trainEpoch(options, epoch, firstBatch, batches, totals, kept);
    if (stoppedAt < batches) {
      await save(epoch, stoppedAt);
      return { kind: 'interrupted' };
    }
    const ended = await unlessStopped(endEpoch(options, epoch + 1, totals));
    if (!ended) {
      // Resuming begins with what was left to do: measuring.
      await save(epoch, batches);
      return { kind: 'interrupted' };
    }
    const { report } = ended;
    measured = ended.measured;
    totals = emptyTotals();
    const state = await stateOf(
      options,
      { epoch: epoch + 1, batch: 0, update: (epoch + 1) * batches, finished: false },
      totals,
    );
    run.finishEpoch({ epoch: report.epoch, energy: report.energy, ...extraMetrics(report) }, state);
    observer.epochDone(report);
  }
  const { plan } = options;
  const checks = await unlessStopped(runChecks(plan, shard, data.checks, (name) => watchOf(options, name), measured));
  // The last epoch's snapshot is there already.
  if (!checks) return { kind: 'interrupted' };
  return { kind: 'done', accuracy: accuracyOf(plan, checks), checks };
}

function watchOf({ observer, stopRequested }: TrainingOptions, data: string): Watch {
  return { stopRequested, progress: (done, total) => observer.measuring(data, done, total) };
}

async function unlessStopped<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof Stopped) return undefined;
    throw error;
  }
}

/** @returns the batch to go on from: `batches` when the epoch is complete */
async function trainEpoch(
  options: TrainingOptions,
  epoch: number,
  firstBatch: number,
  batches: number,
  totals: Totals,
  kept: SampleRunner | undefined,
): Promise<number> {
  const { training, shard, data, seed, epochs, observer, stopRequested, now, run } = options;
  const names = training.inputs.map((f) => f.name);
  const order = { seed, batch: training.batch, epochs: epoch + 1, dropLast: true };
  const pending: Promise<void>[] = [];
  let batch = firstBatch;
  let started = now();
  let saved = started;
  let samples = 0;
  let finished = firstBatch;
  if (firstBatch >= batches) return batches;
  const known = kept ? { known: (rows: Uint32Array) => kept.has(rows) } : {};
  for await (const fed of feedBatches(data.train, order, names, { epoch, batch: firstBatch }, known)) {
    const inputs: Record<string, FieldData> = {};
    for (const name of names) inputs[name] = fed.fields[name] as FieldData;
    const { ticks } = training;
    const at = { epoch, batch, directory: run.directory, ...(ticks === undefined ? {} : { ticks }) };
    const runOf = (fields: Record<string, FieldData>, position: Position): Promise<Record<string, Tensor>> =>
      kept ? kept.run(fed.rows, fields, position) : shard.run('train', fields, position);
    const steps = stepsOf(training, inputs, { batch: epoch * batches + batch, batches: epochs * batches });
    // Of a sequence each step counts as its share of the samples.
    const share = training.batch / steps.length;
    const runs = steps.map(({ fields, position }) =>
      runOf(fields, position).then((results) => addResults(totals, results, share, at)),
    );
    const done = Promise.all(runs).then(() => {
      samples += training.batch;
      finished++;
      observer.batchDone(finished, samples);
    });
    // Whoever awaits it hears of a failure; those behind it fail for the same reason, unheard.
    done.catch(() => undefined);
    fed.release();
    pending.push(done);
    batch++;
    if (pending.length > IN_FLIGHT) await pending.shift();
    if (stopRequested()) break;
    if (now() - saved > SNAPSHOT_MILLISECONDS && batch < batches) {
      await Promise.all(pending.splice(0));
      totals.seconds += (now() - started) / 1000;
      const at = { epoch, batch, update: epoch * batches + batch, finished: false };
      run.saveSnapshot(await stateOf(options, at, totals));
      started = now();
      saved = started;
    }
  }
  await Promise.all(pending);
  totals.seconds += (now() - started) / 1000;
  return batch;
}

interface Step {
  readonly fields: Record<string, FieldData>;
  readonly position: Position;
}

/** The runs of one batch: one, or one for each step of its sequences. Every step is an update of its own. */
function stepsOf(
  { inputs, sequence }: PlanTraining,
  fed: Record<string, FieldData>,
  { batch, batches }: { batch: number; batches: number },
): Step[] {
  if (sequence === undefined) return [{ fields: fed, position: { batch, batches } }];
  return Array.from({ length: sequence }, (_, step) => ({
    fields: inputsOfStep(inputs, fed, step, sequence),
    position: { batch: batch * sequence + step, batches: batches * sequence, step },
  }));
}

interface EpochEnd {
  readonly report: EpochReport;
  /** The check that was measured on the way. */
  readonly measured: CheckResult[];
}

/** @throws Stopped */
async function endEpoch(options: TrainingOptions, epoch: number, totals: Totals): Promise<EpochEnd> {
  const { plan, shard, data } = options;
  const index = plan.checks.findIndex((c) => c.metric === 'accuracy');
  const check = plan.checks[index];
  const measureOn = async (by: PlanCheck | undefined, dataset: Dataset | undefined): Promise<number | null> => {
    const prediction = by && predictionOf(plan, by);
    return prediction && dataset ? measure(shard, prediction, by, dataset, watchOf(options, dataset.name)) : null;
  };
  const accuracy = await measureOn(check, data.checks[index]);
  const validation = await measureOn(validatedBy(plan), data.validation);
  const measured =
    check && accuracy !== null ? [{ check: check.text, value: accuracy, pass: holds(check, accuracy) }] : [];
  const energyByNode: Record<string, number> = {};
  for (const [node, sum] of Object.entries(totals.energy)) energyByNode[node] = sum / Math.max(1, totals.samples);
  const energy = Object.values(energyByNode).reduce((a, b) => a + b, 0);
  const samplesPerSecond = totals.samples / Math.max(1e-9, totals.seconds);
  const idle = learningNothing(energyByNode, options.training.epsilon);
  const { seconds } = totals;
  const report = { epoch, energy, energyByNode, idle, accuracy, validation, seconds, samplesPerSecond };
  return { report, measured };
}

function extraMetrics(report: EpochReport): Record<string, number | Record<string, number>> {
  const { seconds, samplesPerSecond, validation, accuracy, energyByNode } = report;
  return {
    ...(accuracy === null ? {} : { accuracy }),
    seconds,
    samplesPerSecond,
    energyByNode: { ...energyByNode },
    ...(validation === null ? {} : { validation }),
  };
}

/** @throws UserError `weights/not-finite`: a state that nobody could go on from is never saved */
async function stateOf(
  { shard, run }: TrainingOptions,
  at: Pick<RunState, 'epoch' | 'batch' | 'update' | 'finished'>,
  totals: Totals,
): Promise<RunState> {
  const saved = await shard.save();
  for (const { name, data } of [...saved.parameters, ...saved.auxiliary])
    if (!allFinite(data as Tensor))
      throw new UserError(
        'weights/not-finite',
        `${name} is no longer finite (epoch ${at.epoch + 1}, batch ${at.batch})`,
        divergedRepair(run.directory),
      );
  return { ...at, totals: totalsAsNumbers(totals), ...saved };
}

function allFinite(values: Tensor): boolean {
  for (const value of values) if (!Number.isFinite(value)) return false;
  return true;
}
