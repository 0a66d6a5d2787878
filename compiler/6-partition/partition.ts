/** Pieces onto machines: the smallest bottleneck, then staleness, then bytes, then frames, under memory. */
import { atomsOf, clustersOf } from './atoms.ts';
import { measureCosts } from './costs.ts';
import { firstParts, workGraph } from './first-parts.ts';
import { type Fleet, fleetOf, leastCompute, leastWithWholePieces } from './fleet.ts';
import { contractHypergraph, type Hypergraph } from './hypergraph.ts';
import type { Costs, PartitionOptions, PartitionResult, Problem } from './problem.ts';
import { createRng, type Rng } from './rng.ts';
import { improve, type Search, SMALL } from './search.ts';

export function partition(problem: Problem, options: PartitionOptions = {}): PartitionResult {
  const useAll = options.useAll ?? false;
  const atoms = atomsOf(problem, useAll);
  if (atoms.kind === 'impossible') return atoms;
  const { h, into } = atoms;
  const fleet = fleetOf(problem.machines);
  const rng = createRng(options.seed ?? 0, 'partition');
  const assignments: Int32Array[] = [];
  const { cluster } = problem.pieces;
  if (cluster) {
    const share = leastCompute(h.work, fleet) * 1.0001;
    const fastest = fleet.rate.reduce((most, rate) => Math.max(most, rate), 0);
    const largest = fleet.memory.reduce((most, bytes) => Math.max(most, bytes), 0);
    const whole = clustersOf(h, cluster, into, share * fastest, largest);
    if (!useAll || whole.count >= fleet.count) {
      const clusters = contractHypergraph(h, whole.into, whole.count);
      for (const part of solve(clusters, fleet, rng.named('clusters'), options))
        assignments.push(whole.into.map((c) => part[c] as number));
    }
  }
  const fits = (part: Int32Array): boolean => spilled(h, fleet, part) === undefined;
  if (!assignments.some(fits)) assignments.push(...solve(h, fleet, rng, options));
  if (!useAll) assignments.push(...onOneMachine(h, fleet));
  const fitting = assignments.filter(fits);
  const [first] = assignments;
  if (fitting.length === 0 && first) {
    const spill = spilled(h, fleet, first);
    if (spill) return { kind: 'impossible', reason: 'packing', ...spill };
  }
  const measured = fitting.map((assignment) => {
    const part = into.map((atom) => assignment[atom] as number);
    return { part, costs: measureCosts(problem, part) };
  });
  return { kind: 'parts', ...best(measured, options.tolerance ?? TOLERANCE) };
}

const TOLERANCE = 0.02;

/** Assignments of a small choice of machines and of several starts, each as good as the search makes it. */
function solve(h: Hypergraph, fleet: Fleet, rng: Rng, options: PartitionOptions): Int32Array[] {
  const tolerance = options.tolerance ?? TOLERANCE;
  const keepAll = options.useAll ?? false;
  const bound = Math.max(leastWithWholePieces(h.work, fleet), 1e-300);
  const graph = workGraph(h);
  const starts = options.starts ?? (h.count <= 64 ? 8 : h.count <= 5000 ? 4 : h.count <= 30_000 ? 2 : 1);
  const found: Int32Array[] = [];
  const say = options.progress ?? (() => undefined);
  for (let i = 0; i < starts; i++) {
    const own = rng.named(`start ${i}`);
    const search: Search = { fleet, rng: own, keepAll, bound, tolerance };
    say(`start ${i + 1} of ${starts}`);
    // Where traffic binds, fewer machines may be faster: small problems try, large ones leave it to the search.
    const machines = choice(fleet, keepAll || h.count > SMALL ? fleet.count : fleet.count - (i % fleet.count));
    const part = firstParts(h, graph, fleet, machines, own);
    if (keepAll) fillEmpty(h, fleet, part);
    found.push(improve(h, graph, part, search));
  }
  return found;
}

/** All on the fastest machine: the search does not know that each frame costs something, whatever is in it. */
function onOneMachine(h: Hypergraph, fleet: Fleet): Int32Array[] {
  const costly = fleet.frame.some((seconds) => seconds > 0);
  if (!costly || h.fixed.some((machine) => machine !== -1)) return [];
  return [new Int32Array(h.count).fill(choice(fleet, 1)[0] as number)];
}

/** The fastest machines, in the order of their numbers. */
function choice({ count, rate }: Fleet, size: number): Int32Array {
  const order = Array.from({ length: count }, (_, p) => p);
  order.sort((a, b) => (rate[b] as number) - (rate[a] as number) || a - b);
  return Int32Array.from(order.slice(0, size)).sort();
}

/** Every machine gets a vertex, the lightest of the fullest machines. */
function fillEmpty(h: Hypergraph, fleet: Fleet, part: Int32Array): void {
  const members = new Int32Array(fleet.count);
  for (const p of part) members[p] = (members[p] as number) + 1;
  for (let p = 0; p < fleet.count; p++) {
    if ((members[p] as number) > 0) continue;
    let from = -1;
    for (let v = 0; v < h.count; v++) {
      const own = part[v] as number;
      if (h.fixed[v] !== -1 || (members[own] as number) < 2) continue;
      if ((h.memory[v] as number) > (fleet.memory[p] as number)) continue;
      if (from < 0 || (members[own] as number) > (members[part[from] as number] as number)) from = v;
    }
    if (from < 0) return;
    members[part[from] as number] = (members[part[from] as number] as number) - 1;
    part[from] = p;
    members[p] = 1;
  }
}

/** The first machine whose memory is too small for what it got. */
function spilled(
  h: Hypergraph,
  fleet: Fleet,
  part: Int32Array,
): { machine: number; needed: number; available: number } | undefined {
  const held = new Float64Array(fleet.count);
  for (let v = 0; v < h.count; v++)
    held[part[v] as number] = (held[part[v] as number] as number) + (h.memory[v] as number);
  const machine = held.findIndex((bytes, p) => bytes > (fleet.memory[p] as number));
  return machine < 0
    ? undefined
    : { machine, needed: held[machine] as number, available: fleet.memory[machine] as number };
}

interface Measured {
  readonly part: Int32Array;
  readonly costs: Costs;
}

/** Of those whose bottleneck is within the tolerance of the smallest: staleness, then bytes, then frames. */
export function best(all: readonly Measured[], tolerance: number): Measured {
  const least = Math.min(...all.map(({ costs }) => costs.bottleneck));
  const [winner] = all
    .filter(({ costs }) => costs.bottleneck <= least * (1 + tolerance))
    .sort(
      (a, b) =>
        a.costs.staleness - b.costs.staleness ||
        a.costs.volume - b.costs.volume ||
        a.costs.messages - b.costs.messages ||
        a.costs.bottleneck - b.costs.bottleneck,
    );
  if (!winner) throw new Error('there is no assignment to choose from');
  return winner;
}
