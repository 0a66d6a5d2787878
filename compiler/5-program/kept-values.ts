/** The graph that a task is lowered from: with all values of the model, or with those that its `values` keeps. */
import { parseNodeLeaf } from '../../spec/names.ts';
import type { PredictTask, TrainTask } from '../3-check/checked.ts';
import { readersOf } from '../3-check/starts.ts';
import type { Graph } from '../4-graph/graph.ts';
import { keepingValues, settledNodes, valuesExposed, valuesNeeded } from '../4-graph/values.ts';
import { leavesOf } from './leaves.ts';

export interface KeptValues {
  /** As one shard has it. */
  readonly graph: Graph;
  /** `values = borders`, and no set given: the graph in which these nodes keep their values beside those that need them. */
  readonly keeping?: (kept: ReadonlySet<string>) => Graph;
}

/** @param known the set of an older plan, or of the run that a prediction is of */
export function keptValues(
  written: Graph,
  task: Pick<TrainTask, 'values' | 'clamps' | 'starts'> | undefined,
  predicts: readonly PredictTask[],
  known?: ReadonlySet<string>,
): KeptValues {
  const at = task?.values;
  if (!task || !at) return { graph: written };
  const needed = valuesNeeded(written, askedNodes([task, ...predicts]));
  const keeping = (kept: ReadonlySet<string>): Graph => keepingValues(written, new Set([...needed, ...kept]));
  if (known) return { graph: keeping(known) };
  if (at === 'clusters') return { graph: keeping(valuesExposed(written)) };
  return { graph: keeping(new Set()), keeping };
}

/** What a plan keeps of it, and a command tells. */
export function valuesOf(graph: Graph, { values, clamps }: Pick<TrainTask, 'values' | 'clamps'>) {
  if (values === undefined) return undefined;
  const held = new Set(clamps.flatMap(({ node, when }) => (when ? [] : [node])));
  return { at: values, nodes: settledNodes(graph, held) };
}

type Task = Pick<TrainTask, 'clamps' | 'starts'> & { readonly reads?: PredictTask['reads'] };

/** Nodes that tasks hold, begin elsewhere, or read a prediction or an energy of. */
function askedNodes(tasks: readonly Task[]): Set<string> {
  const asked = new Set<string>();
  for (const task of tasks) {
    for (const { node } of readersOf(task)) asked.add(node);
    for (const { value } of task.reads ?? [])
      for (const leaf of leavesOf(value)) {
        const read = parseNodeLeaf(leaf);
        if (read && read.what !== 'node') asked.add(read.node);
      }
  }
  return asked;
}
