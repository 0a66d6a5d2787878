/** How many threads of a CPU share a batch of training. The program is lowered for so many lanes. */
import type { TrainTask } from '../../3-check/checked.ts';
import type { Graph } from '../../4-graph/graph.ts';

/** Of one batch: fixed, so that results do not depend on the machine. */
const LANES = 2;
/** Samples below which a lane's products are too small to be worth their own thread. */
const MIN_LANE_SAMPLES = 16;
/** In larger models a product has work for all threads, and every lane would hold a copy of all weights. */
const MAX_LANE_LINKS = 256;

/** @returns 1 where a batch is better left whole, or does not divide */
export function lanesFor({ links }: Pick<Graph, 'links'>, { batch }: Pick<TrainTask, 'batch'>): number {
  const samples = batch / LANES;
  return links.length <= MAX_LANE_LINKS && Number.isInteger(samples) && samples >= MIN_LANE_SAMPLES ? LANES : 1;
}
