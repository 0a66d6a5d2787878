/** Whether the microbatches of a batch can be in flight side by side (design of the mesh, "three schedules"). */
import type { TrainTask } from '../3-check/checked.ts';
import type { Graph } from '../4-graph/graph.ts';
import { noisyPart } from './chance.ts';
import { methodOf, RULE_NAMES } from './method.ts';
import { batchNode } from './over-batch.ts';

/** More gain nothing, and each holds all its values at once. */
export const MAX_MICROBATCHES = 16;

/** @returns why this training cannot be pipelined, in words, or nothing */
export function pipelineProblem(graph: Graph, task: TrainTask): string | undefined {
  const { rule } = methodOf(task);
  if (rule !== 'il' && rule !== 'pc_alm' && rule !== 'fixed_prediction')
    return `${RULE_NAMES[rule]} has no single weight step after the settling of a batch, which pipelining needs`;
  if (task.replicas > 1) return 'the replicas of its columns share one batch';
  const delayed = graph.links.find((l) => l.delay > 0);
  if (delayed) return `${delayed.name} remembers values from one step of a sequence to the next`;
  if (task.optimizer.totals) return 'its optimizer sums over all weights, which move on every machine by themselves';
  const noisy = noisyPart(graph);
  if (noisy !== undefined) return `the noise of ${noisy} is drawn for the rows of a whole batch`;
  const normalised = batchNode(graph);
  if (normalised !== undefined) return `${normalised} reads means over a whole batch`;
  return undefined;
}

/**
 * Numbers of microbatches into which a batch can be divided, at most `most`, increasing: 1 is not divided. All but the
 * last have the same size, the last has what is left.
 */
export function possibleMicrobatches(batch: number, most = MAX_MICROBATCHES): number[] {
  return Array.from({ length: most }, (_, i) => i + 1).filter((k) => microbatchSizes(batch, k).last > 0);
}

/** Samples of each of `count` parts of a batch, and of the last one. */
export function microbatchSizes(batch: number, count: number): { readonly size: number; readonly last: number } {
  const size = Math.ceil(batch / count);
  return { size, last: batch - (count - 1) * size };
}

/** Those that leave no smaller one, which is compiled by itself: what to choose from, where there are any. */
export function evenMicrobatches(batch: number, most = MAX_MICROBATCHES): number[] {
  const even = possibleMicrobatches(batch, most).filter((k) => batch % k === 0);
  return even.length > 1 ? even : possibleMicrobatches(batch, most);
}
