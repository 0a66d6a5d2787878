/** Which trainer owns which shard: by what each can do, close shards together, and nothing moves that need not. */
import type { Deployment } from '../wire/deployment.ts';
import type { Capability } from '../wire/messages.ts';

export interface Candidate {
  readonly key: string;
  readonly capability: Capability;
  /** FLOP a batch of the shards of other runs that it has already. */
  readonly load: number;
}

export interface Placement {
  /** By shard. */
  readonly owners: readonly string[];
  /** Nothing fits: in words. */
  readonly problem?: string;
}

/** Least rate assumed of a trainer that has not measured any. */
const SOME_RATE = 1e9;

/**
 * @param candidates in the order in which they are preferred where they are alike
 * @param previous owners by shard; those who are still candidates keep what they have
 * @param reluctance the cost of giving a shard to a key: the smallest comes first, and infinite means never
 */
export function place(
  needs: Deployment['needs'],
  candidates: readonly Candidate[],
  previous: readonly string[] = [],
  reluctance: (key: string, shard: number) => number = () => 0,
): Placement {
  if (candidates.length === 0) return { owners: [], problem: 'there is no trainer' };
  const state = new Map(candidates.map((c) => [c.key, { ...c, used: 0, flops: c.load, rate: rateOf(c, candidates) }]));
  const owners: (string | undefined)[] = needs.map((need, shard) => {
    const kept = state.get(previous[shard] ?? '');
    if (!kept || kept.used + need.memory > kept.capability.memory) return undefined;
    if (reluctance(kept.key, shard) > 0) return undefined;
    take(kept, need);
    return kept.key;
  });
  // Whole neighbourhoods: each trainer gets a stretch of shards, so that most borders stay inside it.
  const total = needs.reduce((sum, n) => sum + weight(n), 0) + candidates.reduce((sum, c) => sum + c.load, 0);
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
  return { owners: owners.map((o) => o ?? '') };
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

/** Trainers of one machine share what it can do. */
function rateOf(candidate: Candidate, all: readonly Candidate[]): number {
  const { machine, rate } = candidate.capability;
  const sharing = all.filter((c) => c.capability.machine === machine).length;
  return Math.max(SOME_RATE, rate) / Math.max(1, sharing);
}
