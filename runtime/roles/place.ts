/** Which trainer owns which shard: by what each can do, close shards together, and nothing moves that need not. */
import type { Deployment } from '../wire/deployment.ts';
import type { Capability } from '../wire/messages.ts';
import { batchSeconds, SOME_RATE, type TimedNeeds, timedNeeds, withSharedLines } from './batch-time.ts';
import type { WayEnd } from './border-way.ts';
import { quickest, type Search } from './quickest.ts';

export interface Candidate {
  readonly key: string;
  readonly capability: Capability;
  /** Other runs that it works for: it divides its time between all of them. */
  readonly runs: number;
  readonly borders?: WayEnd['borders'];
}

export interface Placement {
  /** By shard. */
  readonly owners: readonly string[];
  /** Nothing fits: in words. */
  readonly problem?: string;
}

/** Of the deployment. */
export interface Pacing {
  readonly pace?: Deployment['pace'];
  readonly microbatches?: number;
  readonly snapshotEvery?: number;
}

/**
 * @param candidates with the memory that they have left, in the order in which they are preferred where they are alike
 * @param previous owners by shard; those who are still candidates keep what they have
 * @param reluctance the cost of giving a shard to a key: the smallest comes first, and infinite means never
 * @param pacing what a batch costs and how it is divided; absent: work alone counts
 */
export function place(
  needs: Deployment['needs'],
  candidates: readonly Candidate[],
  previous: readonly string[] = [],
  reluctance: (key: string, shard: number) => number = () => 0,
  pacing: Pacing = {},
): Placement {
  if (candidates.length === 0) return { owners: [], problem: 'there is no trainer' };
  const preferred = [...candidates].sort((a, b) => a.runs - b.runs);
  const state = new Map(preferred.map((c) => [c.key, { ...c, used: 0, flops: 0, rate: rateOf(c, candidates) }]));
  const keptShards = new Set<number>();
  const owners: (string | undefined)[] = needs.map((need, shard) => {
    const kept = state.get(previous[shard] ?? '');
    if (!kept || kept.used + need.memory > kept.capability.memory) return undefined;
    if (reluctance(kept.key, shard) > 0) return undefined;
    take(kept, need);
    keptShards.add(shard);
    return kept.key;
  });
  // Whole neighbourhoods: each trainer gets a stretch of shards, so that most borders stay inside it.
  const total = needs.reduce((sum, n) => sum + weight(n), 0);
  const speed = [...state.values()].reduce((sum, c) => sum + c.rate, 0);
  for (const [shard, need] of needs.entries()) {
    if (owners[shard] !== undefined) continue;
    const able = [...state.values()].filter(
      (c) => c.used + need.memory <= c.capability.memory && reluctance(c.key, shard) < Number.POSITIVE_INFINITY,
    );
    const smallest = Math.min(...able.map((c) => reluctance(c.key, shard)));
    const fitting = able.filter((c) => reluctance(c.key, shard) === smallest);
    const before = fitting.find((c) => c.key === owners[shard - 1]);
    const share = (c: { readonly rate: number }): number => (total * c.rate) / speed;
    const roomy = before && before.flops + weight(need) / 2 <= share(before);
    const chosen = roomy ? before : least(fitting);
    if (!chosen)
      return {
        owners: [],
        problem: `shard ${shard} needs ${Math.ceil(need.memory / 1e6)} MB, more than any trainer has left`,
      };
    take(chosen, need);
    owners[shard] = chosen.key;
  }
  const balanced = owners.map((o) => o ?? '');
  const timed = timedNeeds(needs, pacing);
  if (!timed) return { owners: balanced };
  const moving = { balanced, kept: keptShards, candidates, reluctance };
  return { owners: quickest(searchOf(needs, timed, moving)) };
}

interface Moving {
  readonly balanced: readonly string[];
  /** Shards that stay with whom they are. */
  readonly kept: ReadonlySet<number>;
  readonly candidates: readonly Candidate[];
  readonly reluctance: (key: string, shard: number) => number;
}

/** A key that costs no more than now may have the shard, where its memory does. */
function searchOf(
  needs: Deployment['needs'],
  timed: TimedNeeds,
  { balanced, kept, candidates, reluctance }: Moving,
): Search {
  const byKey = new Map(withSharedLines(candidates).map((c) => [c.key, c]));
  const options = balanced.map((owner, shard) =>
    kept.has(shard)
      ? [owner]
      : candidates.map((c) => c.key).filter((key) => reluctance(key, shard) <= reluctance(owner, shard)),
  );
  const seconds = (owners: readonly string[]): number => {
    const used = new Map<string, number>();
    for (const [shard, key] of owners.entries()) used.set(key, (used.get(key) ?? 0) + (needs[shard]?.memory ?? 0));
    for (const [key, bytes] of used)
      if (bytes > (byKey.get(key)?.capability.memory ?? 0)) return Number.POSITIVE_INFINITY;
    return batchSeconds(
      timed,
      owners.map((key) => byKey.get(key) as Candidate),
    );
  };
  return { start: balanced, options, seconds };
}

interface Filling {
  readonly key: string;
  readonly rate: number;
  used: number;
  flops: number;
}

function take(trainer: Filling, need: Deployment['needs'][number]): void {
  trainer.used += need.memory;
  trainer.flops += weight(need);
}

/** A shard without products costs something too. */
function weight(need: Deployment['needs'][number]): number {
  return need.flops + 1;
}

function least<T extends Filling>(trainers: readonly T[]): T | undefined {
  let best: T | undefined;
  for (const trainer of trainers) if (!best || trainer.flops / trainer.rate < best.flops / best.rate) best = trainer;
  return best;
}

/** Trainers of one machine share what it can do, and runs what their trainer can. */
function rateOf(candidate: Candidate, all: readonly Candidate[]): number {
  const { machine, rate } = candidate.capability;
  const sharing = all.filter((c) => c.capability.machine === machine).length;
  return Math.max(SOME_RATE, rate) / Math.max(1, sharing) / (1 + candidate.runs);
}
