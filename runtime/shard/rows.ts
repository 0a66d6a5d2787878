/** Predictions of a batch, sample by sample, as plain values that print as JSON. */
import { scoresName } from '../../spec/names.ts';
import type { PlanPrediction } from '../../spec/plan.ts';
import type { Tensor } from '../device/device.ts';
import { isSound } from '../training/metrics.ts';
import type { PredictedBatch } from './evaluate.ts';

/** Reads by name, and `NAME_scores` where the read is an argmax. */
export type PredictedRow = Readonly<Record<string, unknown>>;

/** @param i which sample of the batch */
export function predictedRow(prediction: PlanPrediction, batch: PredictedBatch, i: number): PredictedRow {
  const row: Record<string, unknown> = {};
  for (const read of prediction.reads) {
    // Of a sequence the answer has the axis of steps in front.
    const shape = prediction.sequence === undefined ? read.shape : [prediction.sequence, ...read.shape];
    row[read.name] = nested(batch.results[read.name], i, batch.count, shape);
    if (read.scores) row[`${read.name}_scores`] = sampleOf(batch.results[scoresName(read.name)], i, batch.count);
  }
  return row;
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
function nested(values: Tensor | undefined, sample: number, count: number, shape: readonly number[]): unknown {
  const flat = sampleOf(values, sample, count);
  if (shape.length === 0) return flat[0];
  let level: unknown[] = flat;
  for (const size of shape.slice(1).reverse()) {
    const next: unknown[] = [];
    for (let i = 0; i < level.length; i += size) next.push(level.slice(i, i + size));
    level = next;
  }
  return level;
}
