/** The plain problem, to compare with other partitioners: K parts of equal weight, the smallest edge cut. */
import { createRng } from '../rng.ts';
import { edgeCut, type Graph, overload, partWeights, totalWeight } from './graph.ts';
import { type Balance, better, type Effort, multilevel, vCycle } from './multilevel.ts';

export interface GraphPartition {
  readonly part: Int32Array;
  readonly cut: number;
  /** Heaviest part over the mean, less one. */
  readonly imbalance: number;
  /** Whether every part is within the allowed imbalance, or within what the vertices' weights make possible. */
  readonly balanced: boolean;
}

export interface GraphOptions {
  readonly seed?: number;
  /** Parts may weigh (1 + imbalance) times the mean; default 0.05. */
  readonly imbalance?: number;
  readonly progress?: (text: string) => void;
}

/** Edges that all searches together look at before no more partitions are made: a bound on time without a clock. */
const VISITS = 5e8;
const MIN_STARTS = 2;
const MAX_STARTS = 8;

/**
 * Several partitions from several seeds; then pairs of them are combined: contraction only where both agree, so that
 * the better one is a partition of the small graph and the search sees the other's boundaries (Sanders and Schulz 2012,
 * "Distributed evolutionary graph partitioning").
 */
export function partitionGraph(graph: Graph, parts: number, options: GraphOptions = {}): GraphPartition {
  const total = totalWeight(graph);
  const heaviest = graph.weight.reduce((most, w) => Math.max(most, w), 0);
  const cap = Math.max(((1 + (options.imbalance ?? 0.05)) * total) / parts, heaviest);
  const balance: Balance = { shares: new Float64Array(parts).fill(1 / parts), caps: new Float64Array(parts).fill(cap) };
  const meter = { visits: 0 };
  const effort: Effort = { starts: 4, tries: 8, rounds: 6, patience: 60, greedyAbove: Infinity, meter };
  const rng = createRng(options.seed ?? 0, 'partition-graph');
  const population: Int32Array[] = [];
  const consider = (part: Int32Array, what: string): void => {
    population.push(part);
    population.sort((a, b) => (better(graph, a, b, balance.caps) ? -1 : better(graph, b, a, balance.caps) ? 1 : 0));
    options.progress?.(`${what}: cut ${edgeCut(graph, population[0] as Int32Array)}`);
  };
  for (let i = 0; i < MAX_STARTS && (i < MIN_STARTS || meter.visits < VISITS / 2); i++)
    consider(multilevel(graph, balance, effort, rng), `start ${i + 1}`);
  const members = population.length;
  for (let i = 0; i < 2 * members && meter.visits < VISITS; i++) {
    const a = population[rng.below(members)] as Int32Array;
    const b = population[rng.below(members)] as Int32Array;
    const first = better(graph, b, a, balance.caps) ? b : a;
    consider(vCycle(graph, first, agreement(a, b, parts), balance, effort, rng), `crossing ${i + 1}`);
    population.length = members;
  }
  const part = population[0] as Int32Array;
  const weights = partWeights(graph, part, parts);
  return {
    part,
    cut: edgeCut(graph, part),
    imbalance: total > 0 ? (weights.reduce((most, w) => Math.max(most, w), 0) * parts) / total - 1 : 0,
    balanced: overload(weights, balance.caps) <= 1e-9,
  };
}

/** A label for each pair of parts. */
function agreement(a: Int32Array, b: Int32Array, parts: number): Int32Array {
  return a.map((p, v) => p * parts + (b[v] as number));
}
