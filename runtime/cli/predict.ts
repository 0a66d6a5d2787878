/** `nmc predict`: what a run makes of given inputs. */
import { slice } from '../data/dataset.ts';
import { readInput } from '../data/read-input.ts';
import type { Tensor } from '../device/device.ts';
import { predictAll } from '../shard/evaluate.ts';
import { emit } from '../support/emit.ts';
import { type Arguments, EXIT, flag, text } from './command.ts';
import { openPredictor, selectPrediction } from './run-predictor.ts';
import { watchInterrupt } from './watch-interrupt.ts';
import { wholeNumber } from './whole-number.ts';

export default async function (args: Arguments): Promise<number> {
  // A stop asked for while the device works is taken between two batches.
  const interrupt = watchInterrupt(() => undefined);
  const predictor = await openPredictor(text(args, 'run') ?? '', text(args, 'device') ?? 'auto');
  try {
    const prediction = selectPrediction(predictor.plan, text(args, 'task'));
    const input = await readInput(text(args, 'input') ?? '', prediction.inputs);
    const limit = wholeNumber(args, 'limit', 1);
    const dataset =
      limit !== undefined && limit < input.dataset.length ? slice(input.dataset, 0, limit - 1) : input.dataset;
    for await (const batch of predictAll(predictor.shard, prediction, dataset)) {
      for (let i = 0; i < batch.count; i++) {
        const row: Record<string, unknown> = {};
        for (const read of prediction.reads) {
          row[read.name] = nested(batch.results[read.name], i, batch.count, read.shape);
          if (read.scores) row[`${read.name}_scores`] = sampleOf(batch.results[`${read.name}.scores`], i, batch.count);
        }
        printRow(input.names[batch.first + i] ?? String(batch.first + i + 1), row, flag(args, 'json'));
      }
      if (interrupt.requested()) return EXIT.interrupted;
    }
  } finally {
    interrupt.release();
    await predictor.shard.close();
  }
  return EXIT.done;
}

function sampleOf(values: Tensor | undefined, sample: number, count: number): number[] {
  if (!values) return [];
  const size = values.length / count;
  return Array.from(values.subarray(sample * size, (sample + 1) * size));
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

function printRow(name: string, row: Record<string, unknown>, asJson: boolean): void {
  if (asJson) {
    emit({ input: name, ...row });
    return;
  }
  const parts = Object.entries(row).map(([read, value]) => {
    if (read.endsWith('_scores') && Array.isArray(value)) return bestScores(value as number[]);
    return `${read} ${Array.isArray(value) ? JSON.stringify(value) : String(value)}`;
  });
  process.stdout.write(`${name}   ${parts.join('   ')}\n`);
}

/** The three best classes: `7 0.98  9 0.02  1 0.00`. */
function bestScores(scores: readonly number[]): string {
  const ranked = scores.map((score, label) => ({ score, label })).sort((a, b) => b.score - a.score);
  return `(${ranked
    .slice(0, 3)
    .map(({ score, label }) => `${label}: ${score.toFixed(3)}`)
    .join('  ')})`;
}
