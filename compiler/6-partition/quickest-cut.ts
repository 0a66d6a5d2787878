/**
 * Cut nodes make shards even in work, but every tick of a cut one has a frame more to wait for, and what shards do alone
 * before and after the ticks nothing makes even. Where batches train one after the other, the longest way through the
 * work of all shards is what counts.
 */
import { type Costs, FREE } from '../../spec/costs.ts';
import { DEFAULT_MACHINE } from '../../spec/default-machine.ts';
import { TRAIN } from '../../spec/names.ts';
import type { Machines } from './problem.ts';
import { longestWay } from './shards/longest-way.ts';
import type { ShardProgram } from './shards/split.ts';
import { shardMemory } from './shards/work.ts';

/** Of more shards the borders are what counts, and counting ways takes long. */
const MAX_SHARDS = 16;
/** Shares that are less even have to be worth it: less so where by operations alone the way is no longer, either. */
const WORTH = 0.8;
const WORTH_ON_ALL = 0.95;
/** By operations alone the way may be so many times as long; and the largest shard as large. */
const MAX_WORK = 1.1;
const MAX_MEMORY = 1.2;

/** Whether whole nodes could train these shards quicker than cut ones. */
export function mayGain(split: readonly ShardProgram[], machines: Machines): boolean {
  return split.length <= MAX_SHARDS && costsOf(machines) !== undefined && !isDivided(split);
}

/**
 * On slow machines, too, where only operations count: else few of them would have all the work. And not where one of
 * them needs much more memory.
 *
 * @param whole the same model with whole nodes
 */
export function isQuicker(whole: readonly ShardProgram[], even: readonly ShardProgram[], machines: Machines): boolean {
  const costs = costsOf(machines);
  if (!costs) return false;
  const times = (each: readonly Costs[]): number => longestWay(whole, TRAIN, each) / longestWay(even, TRAIN, each);
  const alone = costs.map(() => OPERATIONS);
  const memory = (split: readonly ShardProgram[]): number => Math.max(...split.map(shardMemory));
  if (memory(whole) > MAX_MEMORY * memory(even)) return false;
  const [timed, counted] = [times(costs), times(alone)];
  return counted <= 1 ? timed <= WORTH_ON_ALL : timed <= WORTH && counted <= MAX_WORK;
}

const OPERATIONS: Costs = { ...FREE, flop: 1 };

/** Whether batches have parts that are under way at once: while one waits another computes. */
function isDivided(split: readonly ShardProgram[]): boolean {
  return split.some(({ schedule }) => schedule.functions.some((f) => f.microbatches !== undefined));
}

/** What work takes on each machine: measured, or as on the default one where all are alike. */
function costsOf({ list }: Machines): Costs[] | undefined {
  const areAlike = list.every((m) => m.rate === list[0]?.rate);
  const costs = list.flatMap((m) => m.costs ?? (areAlike ? DEFAULT_MACHINE.costs : []));
  return costs.length === list.length ? costs : undefined;
}
