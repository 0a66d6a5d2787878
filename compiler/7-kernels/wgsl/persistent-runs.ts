/**
 * Which launches one group of threads carries out as well as many would: those with so little to do that a launch costs
 * more than the work. Neighbouring ones become one dispatch (`persistent.ts`).
 */
import type { Cluster } from './cluster.ts';
import { loweringOf } from './operators.ts';
import type { Parts } from './parts.ts';
import { matricesOf } from './product-sides.ts';
import { lanesFor } from './reduce.ts';

/** Limits of the work that one group takes on. */
export interface PersistentLimits {
  /** Elements that a launch makes, in all its parts together. */
  readonly elements: number;
  /** Terms of all their sums. */
  readonly terms: number;
  /** Launches that are worth it, at least. */
  readonly launches: number;
}

/**
 * Of a launch of this size each of 256 threads adds up 128 terms: about as long as a GPU takes to begin a launch. On
 * SwiftShader networks that become one dispatch by it take a half to a quarter of the time, and those that do so in part
 * neither gain nor lose: fewer launches are not worth a module of their own.
 */
export const SMALL: PersistentLimits = { elements: 2048, terms: 32768, launches: 4 };
/** Every launch by itself. */
export const NOTHING_PERSISTENT: PersistentLimits = { elements: 0, terms: 0, launches: 2 };

/** Threads of the group, at most: what every adapter has. */
export const MAX_THREADS = 256;

/** Neighbouring launches, and whether one group carries them out. */
export interface Run {
  readonly launches: readonly (readonly Cluster[])[];
  readonly persistent: boolean;
}

export function persistentRuns(
  launches: readonly (readonly Cluster[])[],
  parts: Parts,
  limits: PersistentLimits,
): Run[] {
  const runs: { launches: (readonly Cluster[])[]; persistent: boolean }[] = [];
  for (const launch of launches) {
    const persistent = isSmall(launch, limits) && launch.every((c) => isWhole(c, parts));
    const last = runs.at(-1);
    if (last?.persistent === persistent) last.launches.push(launch);
    else runs.push({ launches: [launch], persistent });
  }
  return runs.map((run) => ({ ...run, persistent: run.persistent && run.launches.length >= limits.launches }));
}

function isSmall(launch: readonly Cluster[], { elements, terms }: PersistentLimits): boolean {
  const total = (of: (c: Cluster) => number): number => launch.reduce((sum, c) => sum + of(c), 0);
  return (
    total((c) => c.elements) <= elements &&
    total((c) => c.elements * termsOf(c)) <= terms &&
    launch.every((c) => lanesOf(c) <= MAX_THREADS)
  );
}

/** Whether no tensor of it lies in parts. */
function isWhole(cluster: Cluster, parts: Parts): boolean {
  return [...cluster.inputs, ...cluster.outputs].every((base) => parts.count(base) === 1);
}

/** Of the sum that an element of the result is. */
function termsOf({ anchor }: Cluster): number {
  const lowering = anchor && loweringOf(anchor.op);
  if (anchor && lowering?.kind === 'product') return Math.max(1, matricesOf(anchor).k);
  if (anchor && lowering?.kind === 'reduction') return Math.max(1, lowering.plan(anchor).count);
  return 1;
}

/** Threads that share an element, as where the kernel is a launch of its own: that decides the order of its sum. */
function lanesOf({ anchor, elements }: Cluster): number {
  const lowering = anchor && loweringOf(anchor.op);
  return anchor && lowering?.kind === 'reduction' ? lanesFor(elements, lowering.plan(anchor).count) : 1;
}

/** Threads of the group that carries out all of these. */
export function threadsFor(clusters: readonly Cluster[]): number {
  const most = Math.max(...clusters.map((c) => Math.max(c.elements, lanesOf(c))));
  return most <= 32 ? 32 : most <= 64 ? 64 : most <= 128 ? 128 : MAX_THREADS;
}
