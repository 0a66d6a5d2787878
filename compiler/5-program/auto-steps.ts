/**
 * `steps = auto`: as many ticks as an error needs from the outputs to the farthest node that has one; twice as many where
 * multipliers take it there (Seely and Gould 2026, T = 2 L).
 */
import type { TrainTask } from '../3-check/checked.ts';
import type { Graph } from '../4-graph/graph.ts';
import { levels } from '../4-graph/level.ts';
import { stepsAcross } from './free-ticks.ts';
import { ruleOf, wordOf } from './method.ts';

/**
 * The task with a number of ticks, where it leaves that to the compiler.
 *
 * @param staleness ticks by which what crosses a border may be old
 */
export function withSteps(task: TrainTask, graph: Graph, staleness = 0): TrainTask {
  const { method } = task;
  if (wordOf(method.arguments.steps) !== 'auto') return task;
  const predicted = new Set(graph.links.map((l) => l.target));
  const clamped = new Set(task.clamps.map((c) => c.node));
  const level = levels(graph, new Set([...clamped].filter((name) => predicted.has(name))));
  // A sense has no error, and an exact node passes it on within the tick.
  const erring = graph.nodes.filter((n) => !n.value && predicted.has(n.name));
  const longest = Math.max(1, ...erring.map((n) => level.get(n.name) ?? 0));
  const late = stepsAcross(longest, staleness);
  const steps = ruleOf(method) === 'pc_alm' ? Math.max(2 * longest, late) : late;
  return { ...task, method: { ...method, arguments: { ...method.arguments, steps } } };
}
