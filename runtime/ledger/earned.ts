/** What a stretch that was cleared is paid: Grant = floor(cumulative entitlement) - granted, within one run. */
import { type Coverage, covering, uncovered } from './coverage.ts';
import { trainingCalls } from './run-work.ts';
import type { PendingStretch, RunLedger, ShardLedger } from './state.ts';

export interface Grant {
  /** FLOP of calls that no trainer was paid for yet, and of the others. */
  readonly work: bigint;
  readonly again: bigint;
  readonly tokens: bigint;
}

/**
 * The fraction of a token that is left over stays in the cumulative work of the key, and is paid when it has become a
 * whole one: two keys that share the work of one get no more than it would.
 */
export function grantFor(run: RunLedger, { entry }: PendingStretch): Grant {
  const shard = run.shards[entry.shard];
  if (!shard || run.total === 0n) return { work: 0n, again: 0n, tokens: 0n };
  const work = workOf(run, shard, uncovered(shard.paid, entry.from, entry.to));
  const again = workOf(run, shard, [[entry.from, entry.to]]) - work;
  const before = run.cleared.get(entry.trainer) ?? { work: 0n, tokens: 0n };
  return { work, again, tokens: ((before.work + work) * run.pot) / run.total - before.tokens };
}

export function paid(run: RunLedger, { entry }: PendingStretch, { work, again, tokens }: Grant): void {
  const shard = run.shards[entry.shard];
  if (shard) shard.paid = covering(shard.paid, entry.from, entry.to);
  const before = run.cleared.get(entry.trainer) ?? { work: 0n, tokens: 0n };
  run.cleared.set(entry.trainer, { work: before.work + work, tokens: before.tokens + tokens });
  if (again > 0n) run.again.set(entry.trainer, (run.again.get(entry.trainer) ?? 0n) + again);
  run.paid += tokens;
}

/** The stretch of a key that is not paid for it. */
export function keptBack(run: RunLedger, { entry }: PendingStretch): void {
  const shard = run.shards[entry.shard];
  if (shard) shard.withheld = covering(shard.withheld, entry.from, entry.to);
}

/**
 * What a key gets for work that it has done again, or that was done again after it, when nothing of the run is pending any
 * more: its share of what was withheld, and at most what that work is worth.
 */
export function restoredTo(run: RunLedger, trainer: string): bigint {
  const own = run.again.get(trainer) ?? 0n;
  if (own === 0n || run.restored.has(trainer) || run.total === 0n) return 0n;
  const all = [...run.again.values()].reduce((sum, work) => sum + work, 0n);
  const free = run.shards.reduce((sum, shard) => {
    const left = shard.withheld.flatMap(([from, to]) => uncovered(shard.paid, from, to));
    return sum + workOf(run, shard, left);
  }, 0n);
  const tokens = (shared: bigint): bigint => (shared * own * run.pot) / (all * run.total);
  return all > free ? tokens(free) : tokens(all);
}

function workOf(run: RunLedger, { work }: ShardLedger, calls: Coverage): bigint {
  const training = calls.reduce(
    (n, [from, to]) => n + trainingCalls(run.entry, to) - trainingCalls(run.entry, from),
    0,
  );
  return work * BigInt(training);
}
