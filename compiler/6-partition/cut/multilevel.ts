/** K parts of a graph by contraction, a first partition of the small graph, and refinement on every level back. */
import type { Rng } from '../rng.ts';
import { carried, coarsen, type Level } from './coarsen.ts';
import { edgeCut, type Graph, overload, partWeights, totalWeight } from './graph.ts';
import { recursiveBisection } from './recursive.ts';
import { type Meter, Refiner } from './refine.ts';

export interface Balance {
  /** Wanted share of the weight of each part, summing to 1. */
  readonly shares: Float64Array;
  /** Most weight of each part. */
  readonly caps: Float64Array;
}

export interface Effort {
  /** First partitions of the coarsest graph. */
  readonly starts: number;
  /** Growths in each bisection. */
  readonly tries: number;
  /** Rounds of searches on each level. */
  readonly rounds: number;
  /** Fruitless moves before a search from one vertex is given up; 0: only searches from all at once. */
  readonly patience: number;
  /** Graphs with more vertices are refined by moves that help at once only. */
  readonly greedyAbove: number;
  readonly meter: Meter;
}

/** How many vertices a part has on the coarsest graph. */
const COARSEST_PER_PART = 25;
const MIN_COARSEST = 120;

export function multilevel(graph: Graph, balance: Balance, effort: Effort, rng: Rng): Int32Array {
  const levels = coarsened(graph, balance, rng);
  const coarsest = levels.at(-1)?.graph ?? graph;
  const slack = slackOf(graph, balance);
  let best: Int32Array | undefined;
  for (let i = 0; i < effort.starts; i++) {
    const part = recursiveBisection(coarsest, balance.shares, slack, effort.tries, rng, effort.meter);
    refine(coarsest, part, balance, effort, rng);
    if (!best || better(coarsest, part, best, balance.caps)) best = part;
  }
  return uncoarsen(graph, levels, best ?? new Int32Array(coarsest.count), balance, effort, rng);
}

/**
 * Contracts only within the labels of `kept`, where all partitions that it was made of agree, so that `part` is a
 * partition of the smallest graph, too, and refines it on the way back. The cut never grows.
 */
export function vCycle(
  graph: Graph,
  part: Int32Array,
  kept: Int32Array,
  balance: Balance,
  effort: Effort,
  rng: Rng,
): Int32Array {
  const levels = coarsened(graph, balance, rng, kept);
  let small: Int32Array = part.slice();
  for (const { into, graph: level } of levels) small = carried(small, { into, count: level.count });
  refine(levels.at(-1)?.graph ?? graph, small, balance, effort, rng);
  return uncoarsen(graph, levels, small, balance, effort, rng);
}

function coarsened(graph: Graph, { shares }: Balance, rng: Rng, labels?: Int32Array): Level[] {
  const until = Math.max(MIN_COARSEST, COARSEST_PER_PART * shares.length);
  return coarsen(graph, until, (1.5 * totalWeight(graph)) / until, rng, labels);
}

function uncoarsen(
  graph: Graph,
  levels: readonly Level[],
  coarsest: Int32Array,
  balance: Balance,
  effort: Effort,
  rng: Rng,
): Int32Array {
  let part: Int32Array = coarsest;
  for (let level = levels.length - 1; level >= 0; level--) {
    const { into } = levels[level] as Level;
    part = into.map((c) => part[c] as number);
    refine(levels[level - 1]?.graph ?? graph, part, balance, effort, rng);
  }
  return part;
}

function refine(graph: Graph, part: Int32Array, { caps }: Balance, effort: Effort, rng: Rng): void {
  const refiner = new Refiner(graph, part, caps, rng, effort.meter);
  refiner.balance();
  if (graph.count > effort.greedyAbove) {
    for (let round = 0; round < effort.rounds; round++) if (refiner.greedy() <= 0) break;
    return;
  }
  for (let round = 0; round < effort.rounds; round++) {
    let gain = refiner.wide(50 + graph.count / 100);
    if (effort.patience > 0) gain += refiner.local(effort.patience);
    if (gain <= 1e-9) break;
  }
}

/** By how much parts may exceed their shares. */
function slackOf(graph: Graph, { shares, caps }: Balance): number {
  const total = totalWeight(graph);
  let slack = Infinity;
  for (let p = 0; p < shares.length; p++)
    slack = Math.min(slack, (caps[p] as number) / Math.max(total * (shares[p] as number), 1e-300) - 1);
  return Math.max(0.001, Math.min(slack, 1));
}

/** Less over the caps, then a smaller cut. */
export function better(graph: Graph, a: Int32Array, b: Int32Array, caps: Float64Array): boolean {
  const overA = overload(partWeights(graph, a, caps.length), caps);
  const overB = overload(partWeights(graph, b, caps.length), caps);
  if (Math.abs(overA - overB) > 1e-9) return overA < overB;
  return edgeCut(graph, a) < edgeCut(graph, b);
}
