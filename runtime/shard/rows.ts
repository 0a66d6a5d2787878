/** Predictions of a batch, sample by sample, as plain values that print as JSON. */
import type { MetricName } from '../../spec/metrics.ts';
import { scoresName } from '../../spec/names.ts';
import type { Plan, PlanPrediction } from '../../spec/plan.ts';
import type { Classes } from '../data/dataset.ts';
import type { Tensor } from '../device/device.ts';
import { allFinite, isSound } from '../training/metrics.ts';
import type { PredictedBatch } from './evaluate.ts';

/** Reads by name; where the read is an argmax also `NAME_scores`, and `NAME_class` where its classes have names. */
export type PredictedRow = Readonly<Record<string, unknown>>;

/**
 * @param i which sample of the batch
 * @param classes names of the classes of each read that has some
 */
export function predictedRow(
  prediction: PlanPrediction,
  batch: PredictedBatch,
  i: number,
  classes: Classes = {},
): PredictedRow {
  const row: Record<string, unknown> = {};
  for (const read of prediction.reads) {
    // Of a sequence the answer has the axis of steps in front.
    const shape = prediction.sequence === undefined ? read.shape : [prediction.sequence, ...read.shape];
    const scores = read.scores ? sampleOf(batch.results[scoresName(read.name)], i, batch.count) : undefined;
    row[read.name] = nested(chosen(sampleOf(batch.results[read.name], i, batch.count), scores), shape);
    const names = classes[read.name];
    if (names) row[`${read.name}_class`] = namesOf(row[read.name], names);
    if (scores) row[`${read.name}_scores`] = scores;
  }
  return row;
}

/** Metrics whose read and field are numbers of the same classes. */
const COMPARES_CLASSES: ReadonlySet<string> = new Set<MetricName>(['accuracy', 'precision', 'recall']);

/**
 * Returns the names of the classes that a prediction's reads choose from: those of the field that a check compares a read
 * with, else of the field that is called as the read is.
 * @param classes of the training data, by field
 */
export function classesOfReads(plan: Plan, prediction: PlanPrediction, classes: Classes | undefined): Classes {
  if (!classes) return {};
  const found = prediction.reads.flatMap(({ name, scores }) => {
    const check = plan.checks.find(
      (c) => COMPARES_CLASSES.has(c.metric) && c.task === prediction.task && c.read === name,
    );
    const field = check?.field ?? name;
    const names = scores && Object.hasOwn(classes, field) ? classes[field] : undefined;
    return names ? [[name, names] as const] : [];
  });
  return Object.fromEntries(found);
}

/** Where the scores of a class are not finite nothing was chosen, whatever number stands there: null. */
function chosen(values: readonly number[], scores: readonly number[] | undefined): (number | null)[] {
  if (!scores || allFinite(scores)) return [...values];
  const size = scores.length / values.length;
  return values.map((value, i) => (allFinite(scores.slice(i * size, (i + 1) * size)) ? value : null));
}

/** A class that training had no sample of has no name, as has none that was not chosen: null. */
function namesOf(value: unknown, names: readonly string[]): unknown {
  if (Array.isArray(value)) return value.map((each) => namesOf(each, names));
  return value === null ? null : (names[Number(value)] ?? null);
}

/** The first read of a sample that is not finite, or whose class was chosen from such numbers. */
export function notFiniteRead(prediction: PlanPrediction, batch: PredictedBatch, i: number): string | undefined {
  const sample = Object.fromEntries(
    Object.entries(batch.results).map(([name, values]) => [name, sliceOf(values, i, batch.count)]),
  );
  return prediction.reads.find(({ name }) => !isSound(sample, name))?.name;
}

function sampleOf(values: Tensor | undefined, sample: number, count: number): number[] {
  return values ? Array.from(sliceOf(values, sample, count)) : [];
}

function sliceOf(values: Tensor, sample: number, count: number): Tensor {
  const size = values.length / count;
  return values.subarray(sample * size, (sample + 1) * size);
}

/** A scalar as a number, a tensor as nested lists. */
function nested(flat: readonly (number | null)[], shape: readonly number[]): unknown {
  if (shape.length === 0) return flat[0];
  let level: readonly unknown[] = flat;
  for (const size of shape.slice(1).reverse()) {
    const next: unknown[] = [];
    for (let i = 0; i < level.length; i += size) next.push(level.slice(i, i + size));
    level = next;
  }
  return level;
}
