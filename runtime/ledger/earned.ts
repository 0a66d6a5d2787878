/** What a stretch that was cleared is paid: Grant = floor(cumulative entitlement) - granted, within one run. */
import { covering, uncovered } from './coverage.ts';
import { trainingCalls } from './run-work.ts';
import type { PendingStretch, RunLedger } from './state.ts';

export interface Grant {
  /** FLOP of calls that no trainer was paid for yet. */
  readonly work: bigint;
  readonly tokens: bigint;
}

/**
 * The fraction of a token that is left over stays in the cumulative work of the key, and is paid when it has become a
 * whole one: two keys that share the work of one get no more than it would.
 */
export function grantFor(run: RunLedger, { entry }: PendingStretch): Grant {
  const shard = run.shards[entry.shard];
  if (!shard || run.total === 0n) return { work: 0n, tokens: 0n };
  const calls = uncovered(shard.paid, entry.from, entry.to).reduce(
    (sum, [from, to]) => sum + trainingCalls(run.entry, to) - trainingCalls(run.entry, from),
    0,
  );
  const work = shard.work * BigInt(calls);
  const before = run.cleared.get(entry.trainer) ?? { work: 0n, tokens: 0n };
  return { work, tokens: ((before.work + work) * run.pot) / run.total - before.tokens };
}

export function paid(run: RunLedger, { entry }: PendingStretch, { work, tokens }: Grant): void {
  const shard = run.shards[entry.shard];
  if (shard) shard.paid = covering(shard.paid, entry.from, entry.to);
  const before = run.cleared.get(entry.trainer) ?? { work: 0n, tokens: 0n };
  run.cleared.set(entry.trainer, { work: before.work + work, tokens: before.tokens + tokens });
  run.paid += tokens;
}
