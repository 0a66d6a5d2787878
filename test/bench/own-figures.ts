/** The project's own figures against their targets. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeFolder } from '../support/remove-folder.ts';
import { type Figure, print, summarize } from './figure.ts';
import { batchFigures } from './figures/batches.ts';
import { commandFigures } from './figures/commands.ts';
import { commitmentFigures } from './figures/commitments.ts';
import { convolutionFigures } from './figures/convolutions.ts';
import { epochFigures } from './figures/epochs.ts';
import { firstBatchFigures } from './figures/first-batch.ts';
import { meshHostileFigures } from './figures/mesh-hostile.ts';
import { meshTickFigures } from './figures/mesh-ticks.ts';
import { oneDispatchFigures } from './figures/one-dispatch.ts';
import { partitionFigures } from './figures/partitions.ts';
import { planWritingFigures } from './figures/plan-writing.ts';
import { predictFigures } from './figures/predict.ts';
import { predictedTickFigures } from './figures/predicted-ticks.ts';
import { shardsTogetherFigures } from './figures/shards-together.ts';
import { sparseFigures } from './figures/sparse.ts';
import { webgpuJavascriptFigures } from './figures/webgpu-javascript.ts';
import { wideMeshFigures } from './figures/wide-mesh.ts';
import { wideTogetherFigures } from './figures/wide-together.ts';
import { UsageError } from './usage-error.ts';

/** A measurement gets an empty folder, which is deleted behind it. */
export type Measurement = (folder: string) => Promise<readonly Figure[]>;

const MEASUREMENTS: Readonly<Record<string, Measurement>> = {
  'batch-il-large': () => batchFigures('il', 'large'),
  'batch-ipc-large': () => batchFigures('ipc', 'large'),
  'batch-il-small': () => batchFigures('il', 'small'),
  'epoch-il-bp': epochFigures,
  'commands-check-compile': commandFigures,
  commitments: commitmentFigures,
  convolutions: convolutionFigures,
  'first-batch': firstBatchFigures,
  'mesh-hostile': meshHostileFigures,
  'mesh-tick': meshTickFigures,
  partitions: partitionFigures,
  'plan-writing': planWritingFigures,
  predictions: predictFigures,
  'predicted-ticks': predictedTickFigures,
  'mesh-scaling-one-process': shardsTogetherFigures,
  'mesh-scaling-wide-one-process': wideTogetherFigures,
  'mesh-scaling-wide-two-processes': wideMeshFigures,
  'sparse-links': sparseFigures,
  'webgpu-one-dispatch': oneDispatchFigures,
  'webgpu-javascript': webgpuJavascriptFigures,
};

/** @param only measure what has this in its key */
export async function ownFigures(only: string): Promise<number> {
  const started = performance.now();
  const figures: Figure[] = [];
  const chosen = Object.entries(MEASUREMENTS).filter(([key]) => key.includes(only));
  if (chosen.length === 0) throw new UsageError(`--only is part of one of ${Object.keys(MEASUREMENTS).join(', ')}`);
  for (const [key, measure] of chosen) {
    process.stderr.write(`measuring ${key}\n`);
    const folder = mkdtempSync(join(tmpdir(), 'nmc-bench-'));
    try {
      for (const figure of await measure(folder)) {
        print(figure);
        figures.push(figure);
      }
    } finally {
      removeFolder(folder);
    }
  }
  return summarize(figures, (performance.now() - started) / 1000);
}
