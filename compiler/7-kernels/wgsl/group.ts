/**
 * Products that do not wait for each other go to the device in one launch: all predictions of a tick, then all feedback,
 * then all weight steps. A launch costs a GPU microseconds, and its own time where it has little to do.
 */
import type { Cluster } from './cluster.ts';
import { loweringOf } from './operators.ts';

/** Products in one launch. */
const MAX_PARTS = 8;
/** How many launches earlier than it stands a product may run: what it makes has to be kept for so long. */
const FURTHEST = 6;

/** A launch being put together. */
interface Launch {
  readonly kernels: Cluster[];
  readonly ofProducts: boolean;
}

/** Launches in order; all but products stay alone. */
export function grouped(kernels: readonly Cluster[]): Cluster[][] {
  const launches: Launch[] = [];
  const made = new Map<string, number>();
  for (const kernel of kernels) {
    const ofProducts = isProduct(kernel);
    const behind = Math.max(-1, ...kernel.inputs.map((base) => made.get(base) ?? -1));
    const at = ofProducts ? launchFor(behind, launches) : -1;
    const launch = launches[at];
    if (launch) launch.kernels.push(kernel);
    else launches.push({ kernels: [kernel], ofProducts });
    for (const output of kernel.outputs) made.set(output, launch ? at : launches.length - 1);
  }
  return launches.map((launch) => launch.kernels);
}

const isProduct = ({ anchor }: Cluster): boolean => anchor !== undefined && loweringOf(anchor.op).kind === 'product';

/** The first launch of products after `behind`, which makes the last of what is read, that has room. */
function launchFor(behind: number, launches: readonly Launch[]): number {
  for (let at = Math.max(behind + 1, launches.length - FURTHEST); at < launches.length; at++) {
    const launch = launches[at];
    if (launch?.ofProducts && launch.kernels.length < MAX_PARTS) return at;
  }
  return -1;
}
