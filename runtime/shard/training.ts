/**
 * The training loop of one shard: batches go to the device a few ahead of their results, epochs end with a
 * measurement and a snapshot, a stop is taken between two batches.
 */
import { TRAIN } from '../../spec/names.ts';
import type { Plan, PlanTraining } from '../../spec/plan.ts';
import { type Batch, type FeedPosition, feedBatches } from '../data/feed.ts';
import type { FieldData, SampleRunner, Tensor } from '../device/device.ts';
import type { RunState, TrainingRun } from '../store/run-folder.ts';
import { UserError } from '../support/errors.ts';
import { batchesOf, callsOfBatch, positionOf, samplesOf } from '../training/calls.ts';
import { type EpochReport, epochReport, metricsOf } from '../training/epoch-report.ts';
import { accuracyIn, isCheck, validationIn } from '../training/evaluations.ts';
import { allFinite, holds } from '../training/metrics.ts';
import { evaluatedOn, type Run, runOf } from '../training/run.ts';
import { inputsOfStep } from '../training/steps.ts';
import { type Totals, unsoundEnergy, withEnergies } from '../training/totals.ts';
import { accuracyOf, type CheckResult, runChecks } from './checks.ts';
import { measure } from './evaluate.ts';
import type { Shard } from './shard.ts';
import type { TrainingData } from './trainable.ts';
import { Stopped, type Watch } from './watch.ts';

export interface TrainingOptions {
  readonly plan: Plan;
  readonly training: PlanTraining;
  readonly shard: Shard;
  /** The same model for the samples that do not fill a batch, where those are trained, too. */
  readonly last?: Shard;
  readonly data: TrainingData;
  readonly run: KeptRun;
  readonly epochs: number;
  readonly seed: number;
  /** Asked between batches. */
  readonly stopRequested: () => boolean;
  readonly observer: TrainingObserver;
  /** Milliseconds of a clock that only goes forward. */
  readonly now: () => number;
}

/** Where a training began, and what is kept of it. */
export interface KeptRun extends Pick<TrainingRun, 'finishEpoch' | 'saveSnapshot'> {
  /** For messages: what holds the last good state. */
  readonly directory: string;
  readonly resumedFrom: Pick<RunState, 'epoch' | 'batch' | 'totals'>;
}

export interface TrainingObserver {
  epochStarted(epoch: number, epochs: number, batches: number, done: number): void;
  batchDone(batch: number, samples: number): void;
  /** While the model is measured. @param done samples of `total` */
  measuring(data: string, done: number, total: number): void;
  epochDone(report: EpochReport): void;
}

export type TrainingEnd =
  | { readonly kind: 'done'; readonly accuracy: number | null; readonly checks: readonly CheckResult[] }
  | { readonly kind: 'interrupted' };

/** Batches that may be on their way to the device: enough to hide the feed, few enough to stop at once. */
const IN_FLIGHT = 2;
/** A snapshot at least this often, so that a long epoch loses little. */
const SNAPSHOT_MILLISECONDS = 60_000;
/** Sums of an epoch that has not begun. */
const EMPTY: Totals = { samples: 0, seconds: 0 };

export async function train(options: TrainingOptions): Promise<TrainingEnd> {
  const { plan, training, data, epochs, observer, shard } = options;
  const run = runOf(plan, training, data, epochs);
  const batches = batchesOf(run);
  const from = options.run.resumedFrom;
  const epochTotals = new EpochTotals({ ...EMPTY, ...from.totals });
  const stateAt = async (epoch: number, batch: number): Promise<RunState> =>
    stateOf(options, { epoch, batch, update: epoch * batches + batch, finished: false }, epochTotals.now);
  const saveAt = async (epoch: number, batch: number): Promise<void> =>
    options.run.saveSnapshot(await stateAt(epoch, batch));
  // Steps of a sequence are cut from what was fed; samples that a device keeps are the same in every epoch.
  const stay = training.sequence === undefined && data.train.moved === undefined;
  const resident = stay ? await shard.makeResident?.(TRAIN, data.train.length) : undefined;
  const job = { options, run, totals: epochTotals, resident, saveAt };
  let measured: CheckResult[] = [];
  for (let epoch = from.epoch; epoch < epochs; epoch++) {
    const firstBatch = epoch === from.epoch ? from.batch : 0;
    observer.epochStarted(epoch + 1, epochs, batches, firstBatch);
    const stoppedAt = await trainEpoch(job, epoch, firstBatch);
    if (stoppedAt < batches) {
      await saveAt(epoch, stoppedAt);
      return { kind: 'interrupted' };
    }
    const values = await unlessStopped(measureOnTheWay(options, run));
    if (!values) {
      // Resuming begins with what was left to do: measuring.
      await saveAt(epoch, batches);
      return { kind: 'interrupted' };
    }
    const { samples = 0, seconds = 0 } = epochTotals.now;
    // Steps count for shares of samples, whose sum is rounded.
    const whole = Math.round(samples);
    const report = epochReport(run, { epoch: epoch + 1, totals: epochTotals.now, samples: whole, seconds, values });
    measured = run.evaluations.flatMap((e, i) => {
      const value = isCheck(e) ? values[i] : undefined;
      return value === undefined ? [] : [{ check: e.check, value, pass: holds(e, value) }];
    });
    epochTotals.now = EMPTY;
    options.run.finishEpoch(metricsOf(report), await stateAt(epoch + 1, 0));
    observer.epochDone(report);
  }
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

/** Sums of the epoch under way: batches end while others are fed. */
class EpochTotals {
  now: Totals;

  constructor(totals: Totals) {
    this.now = totals;
  }

  add(results: Readonly<Record<string, Tensor>>, samples: number): void {
    this.now = withEnergies({ ...this.now, samples: (this.now.samples ?? 0) + samples }, results, samples);
  }

  addSeconds(seconds: number): void {
    this.now = { ...this.now, seconds: (this.now.seconds ?? 0) + seconds };
  }
}

interface Job {
  readonly options: TrainingOptions;
  readonly run: Run;
  readonly totals: EpochTotals;
  /** Samples that the device keeps. */
  readonly resident: SampleRunner | undefined;
  readonly saveAt: (epoch: number, batch: number) => Promise<void>;
}

/** @returns the batch to go on from: all batches when the epoch is complete */
async function trainEpoch(job: Job, epoch: number, firstBatch: number): Promise<number> {
  const { run, totals, resident } = job;
  const { training, data, seed, observer, stopRequested, now } = job.options;
  const batches = batchesOf(run);
  const names = training.inputs.map((f) => f.name);
  const order = { seed, batch: training.batch, epochs: epoch + 1, dropLast: run.last !== 'keep' };
  const pending: Promise<void>[] = [];
  let batch = firstBatch;
  let started = now();
  let saved = started;
  let samples = 0;
  let finished = firstBatch;
  if (firstBatch >= batches) return batches;
  const known = resident ? { known: (rows: Uint32Array) => rows.length === training.batch && resident.has(rows) } : {};
  for await (const fed of feedBatches(data.train, order, names, { epoch, batch: firstBatch }, known)) {
    const { count } = fed;
    if (count < training.batch) {
      await Promise.all(pending.splice(0));
      await runLast(job, { epoch, batch }, fed);
      fed.release();
      observer.batchDone(++batch, samples + count);
      break;
    }
    const done = runBatch(job, { epoch, batch }, fed).then(() => {
      samples += count;
      finished++;
      observer.batchDone(finished, samples);
    });
    // A failure reaches those that await it; later batches fail for the same reason, unheard.
    done.catch(() => undefined);
    fed.release();
    pending.push(done);
    batch++;
    if (pending.length > IN_FLIGHT) await pending.shift();
    if (stopRequested()) break;
    if (now() - saved > SNAPSHOT_MILLISECONDS && batch < batches) {
      await Promise.all(pending.splice(0));
      totals.addSeconds((now() - started) / 1000);
      await job.saveAt(epoch, batch);
      started = now();
      saved = started;
    }
  }
  await Promise.all(pending);
  totals.addSeconds((now() - started) / 1000);
  return batch;
}

/** The last part of an epoch runs on a shard of its own size, which takes the weights over and gives them back. */
async function runLast(job: Job, at: FeedPosition, fed: Batch): Promise<void> {
  const { shard, last } = job.options;
  if (!last?.load || !shard.load) throw new Error('nothing was opened for the last part of an epoch');
  await last.load(await shard.save());
  await runBatch({ ...job, options: { ...job.options, shard: last }, resident: undefined }, at, fed);
  await shard.load(await last.save());
}

/** All calls of one batch are made before this returns: what was fed may be released. */
function runBatch({ options, run, totals, resident }: Job, at: FeedPosition, fed: Batch): Promise<unknown> {
  const { training, shard } = options;
  const inputs: Record<string, FieldData> = {};
  for (const { name } of training.inputs) inputs[name] = fed.fields[name] as FieldData;
  const runs = callsOfBatch(run, at.epoch, at.batch).map(async (call) => {
    const position = positionOf(run, call);
    const fields =
      call.step === undefined ? inputs : inputsOfStep(training.inputs, inputs, call.step, run.sequence ?? 1);
    const results = await (resident ? resident.run(fed.rows, fields, position) : shard.run(TRAIN, fields, position));
    const node = unsoundEnergy(results);
    if (node !== undefined) throw diverged(options, at, node);
    totals.add(results, samplesOf({ ...run, batch: fed.count }));
  });
  return Promise.all(runs);
}

function diverged({ training: { ticks }, run }: TrainingOptions, { epoch, batch }: FeedPosition, node: string): Error {
  const tick = ticks === undefined ? '' : `tick ${ticks}, the last, of `;
  return new UserError(
    'energy/not-finite',
    `the energy of node ${node} is no longer a finite number after ${tick}batch ${batch + 1} of epoch ${epoch + 1}`,
    divergedRepair(run.directory),
  );
}

function divergedRepair(directory: string): string {
  return `lower the rates (method and optimizer; \`--probe\` says how far), then train again; ${directory} holds the last good state`;
}

/**
 * Evaluations that every epoch reports: an accuracy, and the validation. Other checks are measured at the end alone.
 * @throws Stopped
 */
async function measureOnTheWay(options: TrainingOptions, run: Run): Promise<(number | undefined)[]> {
  const { plan, shard, data } = options;
  const datasets = evaluatedOn(run, data);
  const values: (number | undefined)[] = [];
  for (const i of [accuracyIn(run.evaluations), validationIn(run.evaluations)]) {
    const [evaluation, dataset] = [run.evaluations[i], datasets[i]];
    const prediction = plan.predictions.find((p) => p.function === evaluation?.function);
    if (evaluation && dataset && prediction)
      values[i] = await measure(shard, prediction, evaluation, dataset, watchOf(options, dataset.name));
  }
  return values;
}

/** @throws UserError `weights/not-finite`: a state that training could not go on from is never saved */
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
  return { ...at, totals, ...saved };
}
