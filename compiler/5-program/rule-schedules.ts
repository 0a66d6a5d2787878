/** Which rule can be trained in which schedule, and why not (semantics.md, 7d, has the same as a table). */
import type { TrainTask } from '../3-check/checked.ts';
import type { Graph } from '../4-graph/graph.ts';
import { methodOf, RULE_NAMES } from './method.ts';
import { pipelineProblem } from './pipeline.ts';

export const SCHEDULES = ['lockstep', 'pipelined', 'async'] as const;
export type ScheduleName = (typeof SCHEDULES)[number];

/** @returns why this training cannot have a schedule, in words, or nothing */
export function scheduleProblem(schedule: ScheduleName, graph: Graph, task: TrainTask): string | undefined {
  if (schedule === 'pipelined') return pipelineProblem(graph, task);
  return schedule === 'async' ? freeProblem(task) : undefined;
}

/**
 * Ticks that read old values need a rule whose ticks are alike: then a late value makes an error come later, and nothing
 * else.
 */
function freeProblem(task: TrainTask): string | undefined {
  const { rule } = methodOf(task);
  if (rule === 'bp') return `${RULE_NAMES[rule]} does not settle, so none of its values can be late`;
  if (rule === 'z_il' || rule === 'fa_z_il')
    return `${RULE_NAMES[rule]} moves the weights of each level in a tick of its own, in which a late error would be missed`;
  return undefined;
}
