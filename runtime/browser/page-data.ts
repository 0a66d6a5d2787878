/** The data that a page makes itself: digits drawn in this thread, and tracked sequences, the same as everywhere. */
import type { Plan, PlanData, PlanTraining } from '../../spec/plan.ts';
import { stream } from '../../spec/random.ts';
import { TRACKING_STEPS } from '../data/catalogue.ts';
import { type Dataset, memoryDataset, slice } from '../data/dataset.ts';
import { divide } from '../data/divide.ts';
import { digitOf, GLYPH_SAMPLES, glyphDrawer } from '../data/glyphs/draw.ts';
import { SIDE } from '../data/glyphs/painter.ts';
import { withSampleNumbers } from '../data/sample-numbers.ts';
import { sequences } from '../data/sequences.ts';
import { type TrackingSplit, tracking } from '../data/sources/tracking.ts';
import type { TrainingData } from '../shard/trainable.ts';
import { nmc } from '../support/command-text.ts';
import { UserError } from '../support/errors.ts';

type Split = keyof typeof GLYPH_SAMPLES;

export interface PageDataSettings {
  readonly seed: number;
  /** At most so many samples to train on, and of each set to measure on. */
  readonly samples: number;
  readonly tests: number;
}

/** @throws UserError `data/page` for data that a page cannot make */
export function pageData(plan: Plan, training: PlanTraining, settings: PageDataSettings): TrainingData {
  const { seed, samples, tests } = settings;
  const measured = (reference: PlanData): Dataset => openInPage(reference, seed, tests);
  const { validation } = training;
  return {
    train: withSampleNumbers(openInPage(training.data, seed, samples), training.inputs, seed),
    checks: plan.checks.map((check) => measured(check.data)),
    ...(validation ? { validation: measured(validation) } : {}),
  };
}

function openInPage(reference: PlanData, seed: number, limit: number): Dataset {
  const { steps, part, moved } = reference;
  // A part is drawn from all samples.
  const rows = rowsInPage(reference, seed, part ? Number.POSITIVE_INFINITY : limit * (steps ?? 1));
  const samples = steps === undefined ? rows : sequences(rows, steps);
  const parts = part ? divide(samples, part) : samples;
  const all = moved ? { ...parts, moved } : parts;
  return limit < all.length ? slice(all, 0, limit - 1) : all;
}

/** @param most rows: no more are made */
function rowsInPage({ source, split, range, options }: PlanData, seed: number, most: number): Dataset {
  if (source === 'tracking') {
    const all = tracking(split as TrackingSplit, { seed, steps: Number(options.steps ?? TRACKING_STEPS) });
    return range ? slice(all, ...range) : all;
  }
  if (source !== 'glyphs')
    throw new UserError(
      'data/page',
      `a page makes data.glyphs and data.tracking itself; this plan needs data.${source}`,
      `train it with ${nmc`train FILE`}`,
    );
  const [from, to] = range ?? [0, Number(options.samples ?? GLYPH_SAMPLES[split as Split]) - 1];
  const count = Math.min(to - from + 1, most);
  const drawn = drawDigits(split as Split, seed, from + count, [true, 1, 'true'].includes(options.rotated ?? false));
  return from === 0 ? drawn : slice(drawn, from, from + count - 1);
}

function drawDigits(split: Split, seed: number, count: number, rotated: boolean): Dataset {
  const rng = stream(seed, `glyphs/${split}`);
  const images = new Uint8Array(count * SIDE * SIDE);
  const drawer = glyphDrawer(stream(seed, `glyphs/${split}`), rotated);
  for (let i = 0; i < count; i++) drawer.draw(i, images, i * SIDE * SIDE);
  const digits = Int32Array.from({ length: count }, (_, i) => digitOf(rng, i));
  return memoryDataset(`glyphs.${split}`, `generated from seed ${seed}`, [
    { field: { name: 'image', type: 'u8', shape: [SIDE, SIDE] }, data: images },
    { field: { name: 'digit', type: 'i32', shape: [] }, data: digits },
  ]);
}
