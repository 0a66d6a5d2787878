/**
 * Predictions of a plan for fewer samples than its batch, made here: a served transformer took as long for one sample
 * as for 256.
 */

import { FixedBatch } from '../../../compiler/5-program/batch-axes.ts';
import { countFlops } from '../../../compiler/5-program/cost.ts';
import { type RebatchedShard, rebatchableShards } from '../../../compiler/6-partition/shards/rebatch.ts';
import { sizedName } from '../../../spec/names.ts';
import type { PlanPrediction } from '../../../spec/plan.ts';
import type { Program } from '../../../spec/program.ts';
import type { ShardSchedule } from '../../../spec/schedule.ts';
import type { VerifiedPlan } from '../../plan/verify-plan.ts';
import type { Shard } from '../../shard/shard.ts';
import type { Calls } from './plan-executables.ts';

/** Samples at once, besides a plan's own batch. */
const SIZES = [1, 8, 64];
/** Work that a core does in less than a millisecond. */
const QUICK_FLOPS = 2e7;

/** A plan, where functions for fewer samples will be called with those, and what will be called of it. */
export interface Sized extends Calls {
  readonly loaded: VerifiedPlan;
  readonly called: readonly string[];
}

/** Functions that predict so many samples, batch by batch. */
export function sizesFor(loaded: VerifiedPlan, prediction: PlanPrediction, samples: number): Sized {
  const { batch, function: whole } = prediction;
  const left = samples % batch;
  const size = left === 0 ? undefined : SIZES.find((n) => n >= left && n < batch);
  // Where all samples fit in it, a whole batch is never run.
  const others = samples < batch ? [] : [whole];
  if (size === undefined) return { loaded, called: [whole] };
  const sized = withSizes(loaded, [{ prediction, sizes: [size] }]);
  return { ...sized, called: sized.called.length > 0 ? [...sized.called, ...others] : [whole] };
}

/** Every prediction for any number of samples. */
export function allSizes(loaded: VerifiedPlan): Sized {
  const { predictions } = loaded.plan;
  const wanted = predictions.map((prediction) => ({ prediction, sizes: SIZES.filter((n) => n < prediction.batch) }));
  const sized = withSizes(loaded, wanted);
  const called = [...predictions.map((p) => p.function), ...sized.called];
  return { ...sized, called, quick: quickOf(sized) };
}

/** Begins to load what was made besides a plan's own functions, so that no request has to wait for it. */
export function prepareSizes({ sizes, prepare }: Shard): void {
  for (const [name, batches] of sizes ?? []) for (const batch of batches) prepare?.(sizedName(name, batch));
}

/**
 * Functions made here for one sample that take less than a millisecond. More samples run as `nmc predict` has them, bit
 * for bit.
 */
function quickOf({ loaded: { programs }, made }: Sized): string[] {
  const [program] = programs;
  if (!program || programs.length > 1) return [];
  const functions = program.functions.filter((f) => f.batch === 1 && made?.has(f.name));
  return functions.filter((f) => countFlops(program, f) <= QUICK_FLOPS).map((f) => f.name);
}

interface Wanted {
  readonly prediction: PlanPrediction;
  readonly sizes: readonly number[];
}

function withSizes(loaded: VerifiedPlan, wanted: readonly Wanted[]): Sized {
  const made = madeFor(loaded, wanted);
  const functions = made.flatMap((shards) => shards.flatMap((shard) => shard.functions.map((f) => f.name)));
  return {
    loaded: {
      ...loaded,
      programs: loaded.programs.map((program, i) => besides(program, made, i)),
      schedules: loaded.schedules.map((schedule, i) => scheduledBesides(schedule, made, i)),
    },
    called: made.flatMap(([first]) => first?.scheduled.name ?? []),
    made: new Set(functions),
  };
}

function besides(program: Program, made: readonly RebatchedShard[][], shard: number): Program {
  const own = made.flatMap((shards) => shards[shard] ?? []);
  const states = own.flatMap((each) => each.states);
  return {
    ...program,
    states: [...program.states, ...states],
    functions: [...program.functions, ...own.flatMap((each) => each.functions)],
  };
}

function scheduledBesides(schedule: ShardSchedule, made: readonly RebatchedShard[][], shard: number): ShardSchedule {
  const own = made.flatMap((shards) => shards[shard] ?? []);
  return {
    ...schedule,
    functions: [...schedule.functions, ...own.map((each) => each.scheduled)],
    messages: [...schedule.messages, ...own.flatMap((each) => each.messages)],
  };
}

/** By function and size what each shard has besides; nothing of names that the plan has already. */
function madeFor(loaded: VerifiedPlan, wanted: readonly Wanted[]): RebatchedShard[][] {
  const { programs, schedules } = loaded;
  const known = programs.map((p) => new Set([...p.functions.map((f) => f.name), ...p.states.map((s) => s.id)]));
  const isNew = (shards: readonly RebatchedShard[]): boolean =>
    shards.every((shard, i) =>
      [...shard.functions.map((f) => f.name), ...shard.states.map((s) => s.id)].every((name) => !known[i]?.has(name)),
    );
  /** More than the number of any message. */
  const messages = 1 + Math.max(0, ...schedules.flatMap((s) => s.messages.slice(-1).map((m) => m.id)));
  let next = 0;
  return wanted.flatMap(({ prediction, sizes }) => {
    const made = sizesOf(loaded, prediction, sizes, () => {
      next += messages;
      return next;
    });
    return made.filter(isNew);
  });
}

/** Nothing where samples are not predicted one by one. */
function sizesOf(
  { programs, schedules }: VerifiedPlan,
  prediction: PlanPrediction,
  sizes: readonly number[],
  firstMessage: () => number,
): RebatchedShard[][] {
  const shards = programs.map((program, i) => ({ program, schedule: schedules[i] ?? { functions: [], messages: [] } }));
  const asPlanned = shards[0]?.schedule.functions.find((f) => f.name === prediction.function);
  if (asPlanned?.batch !== prediction.batch) return [];
  try {
    const at = rebatchableShards(shards, prediction.function);
    return sizes.map((n) => at(n, firstMessage()));
  } catch (error) {
    if (error instanceof FixedBatch) return [];
    throw error;
  }
}
