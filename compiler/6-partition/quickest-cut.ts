/**
 * Cut nodes make shards even in work, but every tick of a cut one has a frame more to wait for, and what shards do alone
 * before and after the ticks nothing makes even. Where batches train one after the other, what counts is how long a batch
 * takes, which the caller tells: by the cost model that predicts rates.
 */
import { type Costs, FREE } from '../../spec/costs.ts';
import { DEFAULT_MACHINE } from '../../spec/default-machine.ts';
import type { Machine, Machines } from './problem.ts';
import type { ShardProgram } from './shards/split.ts';
import { shardMemory } from './shards/work.ts';

/**
 * Seconds of a training batch of shards that are cut so, each on the machine of its number, frames between them and all.
 *
 * @param machines each with what it costs
 * @returns nothing where that cannot be told
 */
export type BatchTime = (split: readonly ShardProgram[], machines: Machines) => number | undefined;

/** Of more shards the borders are what counts, and walking through their schedules takes long. */
const MAX_SHARDS = 16;
/** Shares that are less even have to be worth it: less so where by operations alone a batch takes no longer, either. */
const WORTH = 0.8;
const WORTH_ON_ALL = 0.95;
/** By operations alone a batch may take so many times as long; and the largest shard be as large. */
const MAX_WORK = 1.1;
const MAX_MEMORY = 1.2;

/** Whether whole nodes could train these shards quicker than cut ones. */
export function mayGain(split: readonly ShardProgram[], machines: Machines): boolean {
  return split.length <= MAX_SHARDS && withCosts(machines) !== undefined && !isDivided(split);
}

/**
 * On slow machines, too, where only operations count: else few of them would have all the work. And not where one of
 * them needs much more memory.
 *
 * @param whole the same model with whole nodes
 */
export function isQuicker(
  whole: readonly ShardProgram[],
  even: readonly ShardProgram[],
  machines: Machines,
  batchTime: BatchTime,
): boolean {
  const measured = withCosts(machines);
  if (!measured) return false;
  const memory = (split: readonly ShardProgram[]): number => Math.max(...split.map(shardMemory));
  if (memory(whole) > MAX_MEMORY * memory(even)) return false;
  const times = (on: Machines): number | undefined => {
    const [one, other] = [batchTime(whole, on), batchTime(even, on)];
    return one === undefined || other === undefined ? undefined : one / other;
  };
  const timed = times(measured);
  if (timed === undefined || timed > WORTH_ON_ALL) return false;
  const counted = times(operationsAlone(machines));
  return counted !== undefined && (counted <= 1 || (timed <= WORTH && counted <= MAX_WORK));
}

const OPERATIONS: Costs = { ...FREE, flop: 1 };

/** Nothing else costs anything there, frames and their ways neither. */
function operationsAlone({ list }: Machines): Machines {
  const unbound = { upload: Infinity, download: Infinity };
  return { list: list.map((machine) => ({ ...machine, ...unbound, costs: OPERATIONS, cores: 1 })) };
}

/** Whether batches have parts that are under way at once: while one waits another computes. */
function isDivided(split: readonly ShardProgram[]): boolean {
  return split.some(({ schedule }) => schedule.functions.some((f) => f.microbatches !== undefined));
}

/** What work takes on each machine: measured, or as on the default one where all are alike. */
function withCosts(machines: Machines): Machines | undefined {
  const { list } = machines;
  const areAlike = list.every((m) => m.rate === list[0]?.rate);
  const known = list.flatMap((machine): Machine[] => {
    if (machine.costs) return [machine];
    const { costs, cores } = DEFAULT_MACHINE;
    return areAlike ? [{ ...machine, costs, cores }] : [];
  });
  return known.length === list.length ? { ...machines, list: known } : undefined;
}
