/**
 * `nmc predict RUN --png FILE`: what a prediction makes of the data of its check, as a picture. The first row shows the
 * data, each row below it a read of the same size, one column a sample. Of sequences every sample has rows of its own,
 * one column a step.
 */
import type { PlanCheck, PlanPrediction } from '../../../spec/plan.ts';
import { type Dataset, type Field, findField, sizeOf, slice } from '../../data/dataset.ts';
import { contactSheet, pictureShape, type SmallPicture } from '../../data/formats/contact-sheet.ts';
import { type PredictedBatch, predictAll } from '../../shard/evaluate.ts';
import { writeFileAtomic } from '../../support/atomic.ts';
import { UserError } from '../../support/errors.ts';
import { ownPath } from '../../support/safe-path.ts';
import type { Predictor } from './run-predictor.ts';

/** Columns of a sheet, and sequences on one, where `--limit` says nothing. */
const COLUMNS = 16;
const SEQUENCES = 4;

interface Layout {
  readonly height: number;
  readonly width: number;
  readonly channels: 1 | 3;
  /** Pictures in one sample: the steps of a sequence, or 1. */
  readonly steps: number;
}

/** @returns what the sheet shows, row by row */
export async function predictSheet(
  { plan, shard }: Predictor,
  prediction: PlanPrediction,
  open: (data: PlanCheck['data']) => Promise<Dataset>,
  path: string,
  limit: number | undefined,
): Promise<{ rows: string[]; samples: number }> {
  const { check, layout } = shown(plan.checks, prediction);
  const whole = await open(check.data);
  const count = Math.min(whole.length, limit ?? (layout.steps > 1 ? SEQUENCES : COLUMNS));
  const dataset = slice(whole, 0, count - 1);
  const field = findField(dataset, check.field);
  const reads = prediction.reads.filter((r) => sizeOf({ ...field, shape: r.shape }) * layout.steps === sizeOf(field));
  const names = [check.field, ...reads.map((r) => r.name)];
  const strips: SmallPicture[][] = [];
  for await (const batch of predictAll(shard, prediction, dataset, [check.field]))
    for (let i = 0; i < batch.count; i++)
      names.forEach((name, row) => {
        const at = layout.steps > 1 ? (batch.first + i) * names.length + row : row;
        const strip = strips[at] ?? [];
        strips[at] = strip;
        strip.push(...picturesOf(row === 0 ? batch.fields : batch.results, name, i, batch, layout));
      });
  writeFileAtomic(ownPath(path), contactSheet(strips));
  return { rows: names, samples: count };
}

/** The check whose field is a picture: what the reads are laid beside. */
function shown(checks: readonly PlanCheck[], prediction: PlanPrediction): { check: PlanCheck; layout: Layout } {
  for (const check of checks) {
    if (check.task !== prediction.task) continue;
    const field = check.data.fields.find((f) => f.name === check.field) as Field | undefined;
    const steps = prediction.sequence ?? 1;
    const one = prediction.sequence === undefined ? field?.shape : field?.shape.slice(1);
    const picture = one && pictureShape(one);
    if (picture) return { check, layout: { ...picture, steps } };
  }
  throw new UserError(
    'predict/png',
    `no check compares a read of ${prediction.task} with pictures, so there is no picture to show`,
    `for example \`check error(${prediction.task}.image, data.glyphs.test.image) <= 500\` in the model`,
  );
}

function picturesOf(
  from: PredictedBatch['fields'] | PredictedBatch['results'],
  name: string,
  sample: number,
  { count }: PredictedBatch,
  { height, width, channels, steps }: Layout,
): SmallPicture[] {
  const all = from[name] as ArrayLike<number> & { subarray(a: number, b: number): ArrayLike<number> };
  const size = all.length / (count * steps);
  return Array.from({ length: steps }, (_, step) => {
    const at = (sample * steps + step) * size;
    return { height, width, channels, values: all.subarray(at, at + size) };
  });
}
