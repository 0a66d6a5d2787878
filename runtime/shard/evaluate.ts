/** Runs a prediction over a whole data set, and measures it against a field. */
import type { PlanCheck, PlanPrediction } from '../../spec/plan.ts';
import { allocate, type Dataset, findField } from '../data/dataset.ts';
import { feedBatches } from '../data/feed.ts';
import { checkLabels } from '../data/labels.ts';
import type { FieldData, Tensor } from '../device/device.ts';
import { NOTHING } from '../training/compared.ts';
import { comparing, isSound, measured } from '../training/metrics.ts';
import { inputsOfStep } from '../training/steps.ts';
import type { Shard } from './shard.ts';
import { smallestFor } from './sizes.ts';
import { Stopped, UNWATCHED, type Watch } from './watch.ts';

/** Results of one batch, cut to the samples that were really there. */
export interface PredictedBatch {
  readonly count: number;
  readonly first: number;
  readonly results: Readonly<Record<string, Tensor>>;
  readonly fields: Readonly<Record<string, FieldData>>;
}

const AT_ANY_TIME = { batch: 0, batches: 1 };

/**
 * @param extra fields to carry along besides the prediction's inputs (the right answers)
 * @throws UserError `data/label` before anything is predicted
 */
export async function* predictAll(
  shard: Shard,
  prediction: PlanPrediction,
  dataset: Dataset,
  extra: readonly string[] = [],
): AsyncGenerator<PredictedBatch> {
  const inputs = prediction.inputs.map((f) => f.name);
  const names = [...new Set([...inputs, ...extra])];
  checkLabels(dataset, prediction.inputs);
  if (dataset.length > 0 && dataset.length <= Math.min(FEW, prediction.batch)) {
    yield await predictFew(shard, prediction, dataset, inputs, extra);
    return;
  }
  const order = { seed: 0, batch: prediction.batch, epochs: 1, shuffle: false };
  for await (const batch of feedBatches(dataset, order, names)) {
    const sized = smallestFor(shard.sizes, prediction, batch.count);
    const fed: Record<string, FieldData> = {};
    for (const name of inputs) fed[name] = padded(batch.fields[name] as FieldData, batch.count, sized.batch);
    const carried: Record<string, FieldData> = {};
    for (const name of extra) carried[name] = (batch.fields[name] as FieldData).slice();
    const results = cut(await runPrediction(shard, sized, fed), sized.batch, batch.count);
    batch.release();
    yield { count: batch.count, first: batch.batch * prediction.batch, results, fields: carried };
  }
}

/** So many samples are fetched in one go: buffers for whole batches take longer to make than a small network runs. */
const FEW = 8;

async function predictFew(
  shard: Shard,
  prediction: PlanPrediction,
  dataset: Dataset,
  inputs: readonly string[],
  extra: readonly string[],
): Promise<PredictedBatch> {
  const count = dataset.length;
  const rows = Uint32Array.from({ length: count }, (_, row) => row);
  const sized = smallestFor(shard.sizes, prediction, count);
  const fetch = (name: string, batch: number): FieldData => {
    const field = findField(dataset, name);
    const data = allocate(field, batch);
    const size = data.length / batch;
    dataset.gather(name, rows, data.subarray(0, count * size));
    fillUp(data, size, count, batch);
    return data;
  };
  const fed: Record<string, FieldData> = {};
  for (const name of inputs) fed[name] = fetch(name, sized.batch);
  const fields: Record<string, FieldData> = {};
  for (const name of extra) fields[name] = fetch(name, count);
  return { count, first: 0, results: cut(await runPrediction(shard, sized, fed), sized.batch, count), fields };
}

/** Without what came of samples that only filled the batch. */
function cut(results: Readonly<Record<string, Tensor>>, batch: number, count: number): Record<string, Tensor> {
  const own: Record<string, Tensor> = {};
  for (const [name, values] of Object.entries(results))
    own[name] = values.subarray(0, (values.length / batch) * count) as Tensor;
  return own;
}

/** One run, or one for each step of a sequence: then every result has the axis of steps behind the batch. */
export async function runPrediction(
  shard: Shard,
  prediction: PlanPrediction,
  fed: Readonly<Record<string, FieldData>>,
): Promise<Record<string, Tensor>> {
  const { sequence, inputs, batch } = prediction;
  if (sequence === undefined) return shard.run(prediction.function, fed, AT_ANY_TIME);
  // All calls are made at once, so that no other prediction's steps come between: what is remembered is the device's.
  const steps = Array.from({ length: sequence }, (_, step) =>
    shard.run(prediction.function, inputsOfStep(inputs, fed, step, sequence), { ...AT_ANY_TIME, step }),
  );
  const joined: Record<string, Tensor> = {};
  for (const [step, results] of (await Promise.all(steps)).entries())
    for (const [name, values] of Object.entries(results)) {
      const size = values.length / batch;
      joined[name] ??= new (values.constructor as new (n: number) => Tensor)(values.length * sequence);
      for (let row = 0; row < batch; row++)
        joined[name].set(values.subarray(row * size, (row + 1) * size), (row * sequence + step) * size);
    }
  return joined;
}

/** An incomplete last batch is filled up with its own first sample; the results of the copies are cut off. */
function padded(data: FieldData, count: number, batch: number): FieldData {
  const size = data.length / count;
  if (count === batch) return data;
  const full = new (data.constructor as new (n: number) => FieldData)(batch * size);
  full.set(data);
  fillUp(full, size, count, batch);
  return full;
}

function fillUp(data: FieldData, size: number, count: number, batch: number): void {
  for (let row = count; row < batch; row++) data.copyWithin(row * size, 0, size);
}

/** What a read is compared with, and how. */
export type Measured = Pick<PlanCheck, 'metric' | 'classes' | 'best' | 'class' | 'read' | 'field'>;

/**
 * Returns the metric over the whole set; NaN where a sample's read, or the numbers that its class was chosen from, are
 * not finite (`argmax` of them would still be a class), and where nothing is there to take a share of.
 * @throws Stopped
 */
export async function measure(
  shard: Shard,
  prediction: PlanPrediction,
  check: Measured,
  dataset: Dataset,
  watch: Watch = UNWATCHED,
): Promise<number> {
  const [value = Number.NaN] = await measureAll(shard, prediction, [check], dataset, watch);
  return value;
}

/** The same of several metrics of one prediction, which is made once. @throws Stopped */
export async function measureAll(
  shard: Shard,
  prediction: PlanPrediction,
  checks: readonly Measured[],
  dataset: Dataset,
  watch: Watch = UNWATCHED,
): Promise<number[]> {
  const fields = checks.map(({ field }) => findField(dataset, field).name);
  const open = checks.map((check) => ({ check, compare: comparing(check), compared: NOTHING, isSound: true }));
  for await (const batch of predictAll(shard, prediction, dataset, [...new Set(fields)])) {
    const done = batch.first + batch.count;
    for (const one of open) {
      const { read, field } = one.check;
      one.isSound &&= isSound(batch.results, read);
      if (!one.isSound) continue;
      const [predicted, answers] = [batch.results[read] as Tensor, batch.fields[field] as FieldData];
      one.compared = one.compare(predicted, answers, one.compared, done === dataset.length);
    }
    if (open.every((one) => !one.isSound)) break;
    watch.progress(done, dataset.length);
    if (watch.stopRequested()) throw new Stopped();
  }
  return open.map((one) => (one.isSound ? measured(one.check, one.compared) : Number.NaN));
}
