/** The back half of the pipeline, one call per stage: a checked model and a task become a plan. Pure. */

import type { Program } from '../spec/program.ts';
import type { Checked, ModelInstance, PredictTask, TrainTask } from './3-check/checked.ts';
import type { Graph } from './4-graph/graph.ts';
import { lowerGraph } from './4-graph/lower.ts';
import type { AtRest } from './5-program/arrivals.ts';
import { passedAtRest } from './5-program/at-rest.ts';
import { lowerProgram } from './5-program/lower.ts';
import { runPasses } from './5-program/passes/index.ts';
import { type BuiltPlan, buildPlan } from './8-plan/build.ts';

/** Samples in one run of a prediction: enough for the products, little enough for one input. */
export const PREDICT_BATCH = 256;

export interface Selected {
  readonly checked: Checked;
  readonly model: ModelInstance;
  readonly task: TrainTask | undefined;
  readonly predicts: readonly PredictTask[];
}

export interface Staged extends Selected {
  readonly graph: Graph;
  /** As lowered, before any pass. */
  readonly lowered: Program;
  /** The same with what is kept at rest (`passedAtRest`). */
  readonly lower: (atRest: AtRest) => Program;
  readonly program: Program;
  /** Never cut a node: every tick of a cut one costs more round trips between shards. */
  readonly wholeNodes?: boolean;
  /** Batches that begin before the weight step of the one before them, on predicted weights: 0 or 1. */
  readonly ahead?: number;
}

/**
 * @param after the pass to stop behind; `none`: before the first
 * @param microbatches parts of a batch of training that are in flight side by side
 */
export function buildProgram(selected: Selected, after?: string, microbatches = 1): Staged {
  const graph = lowerGraph(selected.model);
  const { task, predicts } = selected;
  const options = { predictBatch: PREDICT_BATCH, microbatches };
  const lowered = lowerProgram(graph, task, predicts, options);
  const lower = (atRest: AtRest): Program =>
    atRest === 'rounding' ? lowered : lowerProgram(graph, task, predicts, { ...options, atRest });
  const staged = { ...selected, graph, lower };
  if (after === 'none') return { ...staged, lowered, program: lowered };
  const { kept, program } = passedAtRest(staged, runPasses);
  return { ...staged, lowered: kept, program: after === undefined ? program : runPasses(kept, after) };
}

export interface PlanInputs {
  readonly compiler: string;
  readonly modules: readonly { readonly path: string; readonly text: string }[];
}

export function finishPlan(staged: Staged, inputs: PlanInputs, cpu: ReadonlyMap<string, Uint8Array>): BuiltPlan {
  const { checked, graph, task, predicts, program } = staged;
  return buildPlan({ ...inputs, checked, graph, task, predicts, program, cpu });
}
