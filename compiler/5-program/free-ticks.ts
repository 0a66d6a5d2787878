/**
 * How many ticks a training needs where what crosses a border is some ticks old (schedule `async`; semantics.md, 7d):
 * an error goes one link further with every tick, and waits at every border.
 */
import type { TrainTask } from '../3-check/checked.ts';
import { linksThroughExact } from '../4-graph/exact.ts';
import type { Graph } from '../4-graph/graph.ts';
import { arrivals } from './arrivals.ts';
import { ruleOf } from './method.ts';

/** The schedule `async`, as programs and plans know it. */
export interface Freedom {
  /** Ticks by which what a tick reads of a neighbour may be old. */
  readonly staleness: number;
  /** A neighbour that does not answer is not waited for; absent: it is. */
  readonly late?: 'absent';
}

export interface ReachAcross {
  /** Ticks until the farthest node has an error. */
  readonly hops: number;
  readonly farthest: string;
  readonly steps: number;
  /** Nodes that no error comes to in time. */
  readonly never: readonly string[];
}

/** Ticks behind the one in which the last error arrives, for it to move anything. */
const MARGIN = 2;

/** Enough ticks for an error over so many links, each of which may cross a border. */
export function stepsAcross(hops: number, staleness: number): number {
  return staleness === 0 ? hops : (staleness + 1) * hops + MARGIN;
}

/**
 * As `reachOf`, where links that cross a border are late.
 *
 * @param crosses whether the two ends of a link are in different shards
 * @returns nothing for rules that take as many ticks as they need, or where no node waits for an error
 */
export function reachAcross(
  graph: Graph,
  task: Pick<TrainTask, 'method' | 'clamps' | 'starts'>,
  { staleness }: Freedom,
  crosses: (source: string, target: string) => boolean,
): ReachAcross | undefined {
  const steps = task.method.arguments.steps;
  if (typeof steps !== 'number') return undefined;
  const held = new Map(task.clamps.map(({ node, when }) => [node, { when }]));
  const begun = new Map((task.starts ?? []).map(({ node, when }) => [node, { when }]));
  const early = arrivals(graph, held, begun);
  const late = arrivalsAcross(graph, held, early, (source, target) => (crosses(source, target) ? staleness : 0));
  const waits = [...late].filter(([name]) => Number.isFinite(early.get(name) ?? Number.POSITIVE_INFINITY));
  const [farthest, hops] = waits.reduce((most, wait) => (wait[1] > most[1] ? wait : most), ['', 0] as const);
  if (farthest === '') return undefined;
  const last = ruleOf(task.method) === 'ipc' ? steps - 1 : steps;
  return { hops, farthest, steps, never: waits.flatMap(([name, tick]) => (tick > last ? [name] : [])) };
}

/**
 * As `arrivals`, tick by tick: an error moves its node and those that predict it, and what has moved has an error in the
 * next tick, as have those that it predicts. At a border both are late, except for errors that are there when the
 * ticks begin: these are known everywhere.
 *
 * @param early without borders: resting nodes, and when an error comes to each
 */
function arrivalsAcross(
  graph: Graph,
  held: ReadonlyMap<string, { readonly when?: unknown }>,
  early: ReadonlyMap<string, number>,
  lateness: (source: string, target: string) => number,
): Map<string, number> {
  const links = linksThroughExact(graph);
  const predicted = new Set(graph.links.map((l) => l.target));
  const fixed = (name: string): boolean => held.has(name) && !held.get(name)?.when;
  const errs = new Map<string, number>();
  const moves = new Map<string, number>();
  for (const { name, value } of graph.nodes)
    if (!value && !early.has(name) && (predicted.has(name) || !fixed(name))) errs.set(name, 0);
  let changed = true;
  const sooner = (times: Map<string, number>, name: string, tick: number): void => {
    if (tick >= (times.get(name) ?? Number.POSITIVE_INFINITY)) return;
    times.set(name, tick);
    changed = true;
  };
  while (changed) {
    changed = false;
    for (const [name, tick] of [...errs]) if (!fixed(name)) sooner(moves, name, tick);
    for (const { source, target } of links) {
      const [error, move] = [errs.get(target), moves.get(source)];
      if (error !== undefined && !fixed(source))
        sooner(moves, source, error === 0 ? 0 : error + lateness(source, target));
      if (move !== undefined) sooner(errs, target, move + 1 + lateness(source, target));
    }
    for (const [name, tick] of [...moves]) sooner(errs, name, tick + 1);
  }
  return new Map([...early.keys()].map((name) => [name, errs.get(name) ?? Number.POSITIVE_INFINITY]));
}
