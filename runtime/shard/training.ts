/**
 * The training loop of one shard: batches go to the device a few ahead of their results, epochs end with a
 * measurement and a snapshot, a stop is taken between two batches.
 */
import type { Plan, PlanCheck, PlanPrediction, PlanTraining } from '../../spec/plan.ts';
import { type Dataset, findField } from '../data/dataset.ts';
import { feedBatches } from '../data/feed.ts';
import { batchCount } from '../data/order.ts';
import type { FieldData, Tensor } from '../device/device.ts';
import type { RunState, TrainingRun } from '../store/run-folder.ts';
import { UserError } from '../support/errors.ts';
import { holds, measure } from './evaluate.ts';
import type { Shard } from './shard.ts';
import { Stopped, UNWATCHED, type Watch } from './watch.ts';

export interface TrainingData {
  readonly train: Dataset;
  readonly validation?: Dataset;
  /** Data of each check of the plan, in its order. */
  readonly checks: readonly Dataset[];
}

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
  /** First accuracy check of the model on its own data; null where the model has none. */
  readonly accuracy: number | null;
  readonly validation: number | null;
  /** Of training alone. */
  readonly seconds: number;
  readonly samplesPerSecond: number;
}

export interface CheckResult {
  readonly check: string;
  readonly value: number;
  readonly pass: boolean;
}

export type TrainingEnd =
  | { readonly kind: 'done'; readonly accuracy: number | null; readonly checks: readonly CheckResult[] }
  | { readonly kind: 'interrupted' };

/** Batches that may be on their way to the device: enough to hide the feed, few enough to stop at once. */
const IN_FLIGHT = 2;
/** A snapshot at least this often, so that a long epoch loses little. */
const SNAPSHOT_MILLISECONDS = 60_000;

/** Everything that is summed over an epoch; kept in snapshots, so that a resumed epoch ends with the same numbers. */
interface Totals {
  samples: number;
  seconds: number;
  readonly energy: Record<string, number>;
}

/** @throws UserError `data/too-small`, `data/field` before anything is written that training on these data needs */
export function assertTrainable(plan: Plan, training: PlanTraining, data: TrainingData): void {
  const { train } = data;
  for (const { name } of training.inputs) findField(train, name);
  if (train.length < training.batch)
    throw new UserError(
      'data/too-small',
      `${train.name} has ${train.length} samples, fewer than one batch of ${training.batch}`,
      train.length > 0 ? `use a smaller batch (--batch ${train.length}), or more data` : 'give it some data',
    );
  plan.checks.forEach((check, i) => {
    const dataset = data.checks[i];
    const prediction = predictionOf(plan, check);
    if (!dataset || !prediction) return;
    for (const name of [check.field, ...prediction.inputs.map((f) => f.name)]) findField(dataset, name);
    if (dataset.length === 0)
      throw new UserError('data/too-small', `${dataset.name} has no samples to check \`${check.text}\` on`);
  });
}

export async function train(options: TrainingOptions): Promise<TrainingEnd> {
  const { training, data, epochs, observer, run } = options;
  const batches = batchCount(data.train.length, training.batch, true);
  const from = run.resumedFrom;
  let totals = totalsFrom(from);
  const save = async (epoch: number, batch: number): Promise<void> =>
    run.saveSnapshot(
      await stateOf(options, { epoch, batch, update: epoch * batches + batch, finished: false }, totals),
    );
  let measured: CheckResult[] = [];
  for (let epoch = from.epoch; epoch < epochs; epoch++) {
    const firstBatch = epoch === from.epoch ? from.batch : 0;
    observer.epochStarted(epoch + 1, epochs, batches, firstBatch);
    const stoppedAt = await trainEpoch(options, epoch, firstBatch, batches, totals);
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
  const { plan, shard } = options;
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
  for await (const fed of feedBatches(data.train, order, names, { epoch, batch: firstBatch })) {
    const inputs: Record<string, FieldData> = {};
    for (const name of names) inputs[name] = fed.fields[name] as FieldData;
    const position = { batch: epoch * batches + batch, batches: epochs * batches };
    const done = shard.run('train', inputs, position).then((results) => {
      addResults(totals, results, training.batch, { epoch, batch: position.batch - epoch * batches, run });
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

function addResults(
  totals: Totals,
  results: Readonly<Record<string, Tensor>>,
  samples: number,
  at: { readonly epoch: number; readonly batch: number; readonly run: TrainingRun },
): void {
  for (const [name, values] of Object.entries(results)) {
    if (!name.startsWith('energy.')) continue;
    const value = values[0] ?? Number.NaN;
    if (!Number.isFinite(value)) {
      const node = name.slice('energy.'.length);
      throw new UserError(
        'energy/not-finite',
        `the energy of node ${node} is no longer a finite number (epoch ${at.epoch + 1}, batch ${at.batch + 1})`,
        divergedRepair(at.run),
      );
    }
    totals.energy[name.slice('energy.'.length)] = (totals.energy[name.slice('energy.'.length)] ?? 0) + value * samples;
  }
  totals.samples += samples;
}

function divergedRepair(run: TrainingRun): string {
  return `lower the rates (method and optimizer), then train again; ${run.directory} holds the last good state`;
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
  const prediction = check && predictionOf(plan, check);
  const measureOn = async (dataset: Dataset | undefined): Promise<number | null> =>
    check && prediction && dataset ? measure(shard, prediction, check, dataset, watchOf(options, dataset.name)) : null;
  const accuracy = await measureOn(data.checks[index]);
  const validation = await measureOn(data.validation);
  const measured =
    check && accuracy !== null ? [{ check: check.text, value: accuracy, pass: holds(check, accuracy) }] : [];
  const energyByNode: Record<string, number> = {};
  for (const [node, sum] of Object.entries(totals.energy)) energyByNode[node] = sum / Math.max(1, totals.samples);
  const energy = Object.values(energyByNode).reduce((a, b) => a + b, 0);
  const samplesPerSecond = totals.samples / Math.max(1e-9, totals.seconds);
  const report = { epoch, energy, energyByNode, accuracy, validation, seconds: totals.seconds, samplesPerSecond };
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

/**
 * @param datasets of each check of the plan
 * @param known results that need no measuring any more
 * @throws Stopped
 */
export async function runChecks(
  plan: Plan,
  shard: Shard,
  datasets: readonly Dataset[],
  watch: (data: string) => Watch = () => UNWATCHED,
  known: readonly CheckResult[] = [],
): Promise<CheckResult[]> {
  const results: CheckResult[] = [];
  for (const [i, check] of plan.checks.entries()) {
    const dataset = datasets[i];
    const prediction = predictionOf(plan, check);
    if (!dataset || !prediction) continue;
    const before = known.find((r) => r.check === check.text);
    if (before) {
      results.push(before);
      continue;
    }
    const value = await measure(shard, prediction, check, dataset, watch(dataset.name));
    results.push({ check: check.text, value, pass: holds(check, value) });
  }
  return results;
}

function predictionOf(plan: Plan, check: PlanCheck): PlanPrediction | undefined {
  return plan.predictions.find((p) => p.task === check.task);
}

function accuracyOf(plan: Plan, results: readonly CheckResult[]): number | null {
  const first = plan.checks.find((c) => c.metric === 'accuracy');
  return results.find((r) => r.check === first?.text)?.value ?? null;
}

/** @throws UserError `weights/not-finite`: a state that nobody could go on from is never saved */
async function stateOf(
  { shard, run }: TrainingOptions,
  at: Pick<RunState, 'epoch' | 'batch' | 'update' | 'finished'>,
  totals: Totals,
): Promise<RunState> {
  const energy = Object.fromEntries(Object.entries(totals.energy).map(([node, sum]) => [`energy.${node}`, sum]));
  const saved = await shard.save();
  for (const { name, data } of [...saved.parameters, ...saved.auxiliary])
    if (!allFinite(data as Tensor))
      throw new UserError(
        'weights/not-finite',
        `${name} is no longer finite (epoch ${at.epoch + 1}, batch ${at.batch})`,
        divergedRepair(run),
      );
  return { ...at, totals: { samples: totals.samples, seconds: totals.seconds, ...energy }, ...saved };
}

function allFinite(values: Tensor): boolean {
  for (const value of values) if (!Number.isFinite(value)) return false;
  return true;
}

function emptyTotals(): Totals {
  return { samples: 0, seconds: 0, energy: {} };
}

function totalsFrom(state: RunState): Totals {
  const totals = emptyTotals();
  for (const [name, value] of Object.entries(state.totals)) {
    if (name === 'samples') totals.samples = value;
    else if (name === 'seconds') totals.seconds = value;
    else if (name.startsWith('energy.')) totals.energy[name.slice('energy.'.length)] = value;
  }
  return totals;
}
