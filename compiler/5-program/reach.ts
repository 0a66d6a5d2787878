/**
 * Whether errors come far enough in the ticks that a rule takes: one link with every tick at most (semantics.md, equation
 * 3), and by plain descent they fade on their way, so that the first of L layers learns after about L² ticks.
 */
import type { CallValue, TrainTask } from '../3-check/checked.ts';
import type { Graph } from '../4-graph/graph.ts';
import type { Reporter } from '../diagnostics/reporter.ts';
import { arrivals } from './arrivals.ts';
import { numberOf, ruleOf } from './method.ts';

export interface Reach {
  /** Ticks until the farthest node has an error. */
  readonly hops: number;
  readonly farthest: string;
  readonly steps: number;
  /** Nodes that no error comes to: links into them never learn. */
  readonly never: readonly string[];
  /** Errors arrive, but too faint for most of the links to learn anything. */
  readonly fades: boolean;
}

/** Up to here a descent of so many ticks as a batch commonly has is enough. */
const NEAR = 8;
/** By plain descent L links need a multiple of L² of ticks, which is 1/5 at 32 links and less where there are fewer. */
const SHARE = 1 / 8;

/** @returns nothing for rules that take as many ticks as they need, or where no node waits for an error */
export function reachOf(graph: Graph, task: Pick<TrainTask, 'method' | 'clamps' | 'starts'>): Reach | undefined {
  const { method } = task;
  const steps = method.arguments.steps;
  if (typeof steps !== 'number') return undefined;
  const held = new Map(task.clamps.map(({ node, when }) => [node, { when }]));
  const begun = new Map((task.starts ?? []).map(({ node, when }) => [node, { when }]));
  const waits = [...arrivals(graph, held, begun)].filter(([, tick]) => Number.isFinite(tick));
  const [farthest, hops] = waits.reduce((most, wait) => (wait[1] > most[1] ? wait : most), ['', 0] as const);
  if (farthest === '') return undefined;
  // Under incremental PC the weights move within the ticks, from what the tick before has left.
  const last = ruleOf(method) === 'ipc' ? steps - 1 : steps;
  const never = waits.flatMap(([name, tick]) => (tick > last ? [name] : []));
  return { hops, farthest, steps, never, fades: descends(method) && hops > NEAR && steps < SHARE * hops ** 2 };
}

function descends(method: CallValue): boolean {
  return ['il', 'nudged'].includes(ruleOf(method)) && numberOf(method, 'momentum') === 0;
}

/** A rule that cannot reach a node is refused, one that hardly does is warned of. */
export function reportReach(graph: Graph, task: TrainTask, reporter: Reporter): void {
  const reach = reachOf(graph, task);
  if (!reach) return;
  const { hops, farthest, steps, never, fades } = reach;
  const rule = ruleOf(task.method);
  const { span } = task.method;
  if (never.length > 0) reporter.report('steps/reach', span, neverText(rule, reach), { repair: repairOf(reach) });
  if (never.length > 0 || !fades) return;
  const reason = `an error is ${hops} links on its way to \`${farthest}\`, and with ${steps} ticks of plain descent little of it arrives`;
  reporter.report('steps/few', span, reason, {
    repair:
      'a rule that reaches them: `learn.pc_alm()` or `learn.fixed_prediction()`; or fewer nodes with values (`values = clusters`)',
  });
}

/** @param rule as it is written */
export function neverText(rule: string, { hops, farthest, steps, never }: Reach): string {
  const more = never.length - 1;
  const others = more === 0 ? '' : `; it comes too late to ${more} more ${more === 1 ? 'node' : 'nodes'}`;
  const ticks = steps === 1 ? '1 tick' : `${steps} ticks`;
  return `\`${rule}\` takes ${ticks}, and an error needs ${hops} to come to \`${farthest}\`${others}`;
}

export function repairOf({ hops, steps, never }: Reach): string {
  // Incremental PC needs one more, to move weights by what has come.
  const least = hops + (never.length > 0 && steps === hops ? 1 : 0);
  return `\`steps = ${least}\` or more, or \`learn.fixed_prediction()\``;
}
