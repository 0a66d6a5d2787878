/**
 * The limit of a whole run, said once: from each shard that waits along what it waits for, to the shard that works, or
 * to the border whose frames are on their way.
 */
import { waitsOf } from '../roles/progress.ts';
import type { RunState } from '../roles/synchronizer-state.ts';

/** Of its time in device work: from here on it is work that limits a shard. */
const WORKS = 0.5;

export interface RunLimit {
  /** One shard, or the two of a border; none while it does not train. */
  readonly shards: readonly number[];
  /** Effect of each of them on the rate. */
  readonly by: 'work' | 'loading' | 'border' | 'nothing';
}

const NOTHING: RunLimit = { shards: [], by: 'nothing' };

export function runLimit(run: RunState): RunLimit {
  const { reports, deployment, phase } = run;
  const shards = deployment.needs.map((_, shard) => shard);
  if (phase === 'preparing') {
    const loading = shards.find((shard) => run.exchanges[shard] === undefined);
    return loading === undefined ? NOTHING : { shards: [loading], by: 'loading' };
  }
  if (phase !== 'running' || !shards.some((shard) => reports[shard])) return NOTHING;
  const busy = (shard: number): number => reports[shard]?.busy ?? 0;
  const busiest = (some: readonly number[]): number =>
    some.reduce((most, shard) => (busy(shard) > busy(most) ? shard : most), some[0] ?? 0);
  const waiting = shards.filter((shard) => waitsOf(run, shard).length > 0);
  const chain = waiting.length === 0 ? shards : reachedFrom(run, waiting);
  const roots = chain.filter((shard) => waitsOf(run, shard).length === 0);
  const root = busiest(roots.length > 0 ? roots : chain);
  if (shards.length === 1 || busy(root) >= WORKS) return { shards: [root], by: 'work' };
  return { shards: borderOf(run, root, waiting), by: 'border' };
}

function reachedFrom(run: RunState, waiting: readonly number[]): number[] {
  const reached = new Set<number>(waiting);
  // A set that grows while it is gone through.
  for (const shard of reached) for (const other of waitsOf(run, shard)) reached.add(other);
  return [...reached];
}

/** The root, and the shard that waits for it; where there is none, those that wait in a circle. */
function borderOf(run: RunState, root: number, waiting: readonly number[]): readonly number[] {
  const behind = waiting.find((shard) => waitsOf(run, shard).includes(root));
  const other = behind ?? waitsOf(run, root)[0];
  return other === undefined ? [root] : [root, other].sort((a, b) => a - b);
}
