/**
 * Products that do not wait for each other go to the device in one launch: all predictions of a tick, then all feedback,
 * then all weight steps. A launch costs a GPU microseconds, and its own time where it has little to do.
 */
import { MOST_BINDINGS } from '../../../spec/kernels.ts';
import { type Cluster, inputsOf } from './cluster.ts';
import type { Flat } from './flat.ts';
import { loweringOf } from './operators.ts';

/** Products in one launch. */
const MOST_PARTS = 8;
/** How many launches earlier than it stands a product may run: what it makes has to be kept for so long. */
const FURTHEST = 6;

/** Launches in order; all but products stay alone. */
export function grouped(kernels: readonly Cluster[], flat: Flat): Cluster[][] {
  const launches: Cluster[][] = [];
  const made = new Map<string, number>();
  for (const kernel of kernels) {
    const at = isProduct(kernel) ? launchFor(kernel, launches, made, flat) : -1;
    const launch = launches[at];
    if (launch) launch.push(kernel);
    else launches.push([kernel]);
    for (const output of kernel.outputs) made.set(output, launch ? at : launches.length - 1);
  }
  return launches;
}

const isProduct = ({ anchor }: Cluster): boolean => anchor !== undefined && loweringOf(anchor.op).kind === 'product';

/** The first launch of products behind everything that this one reads, where it has room. */
function launchFor(
  kernel: Cluster,
  launches: readonly Cluster[][],
  made: ReadonlyMap<string, number>,
  flat: Flat,
): number {
  const behind = Math.max(-1, ...inputsOf(kernel, flat).map((base) => made.get(base) ?? -1));
  for (let at = Math.max(behind + 1, launches.length - FURTHEST); at < launches.length; at++) {
    const launch = launches[at];
    if (!launch?.every(isProduct) || launch.length >= MOST_PARTS) continue;
    if (buffersOf([...launch, kernel], flat) <= MOST_BINDINGS) return at;
  }
  return -1;
}

/** Buffers that a launch binds: one for all that is only passed on, one for each state, input and result. */
function buffersOf(launch: readonly Cluster[], flat: Flat): number {
  const kept = new Set([...flat.updates, ...flat.results].map((each) => each.value));
  const bound = new Set<string>();
  for (const kernel of launch) {
    for (const base of inputsOf(kernel, flat)) bound.add(flat.outside.has(base) || kept.has(base) ? base : '');
    for (const output of kernel.outputs) bound.add(kept.has(output) ? output : '');
  }
  return bound.size;
}
