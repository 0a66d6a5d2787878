/**
 * The schedule of a training in shards. `--schedule pipelined`: into how many microbatches a batch is divided, given or chosen for the trainers of a mesh.
 */

import {
  evenMicrobatches,
  MAX_MICROBATCHES,
  microbatchSizes,
  pipelineProblem,
  possibleMicrobatches,
} from '../../../compiler/5-program/pipeline.ts';
import { scheduleProblem } from '../../../compiler/5-program/rule-schedules.ts';
import { cutModel } from '../../../compiler/6-partition/cut-model.ts';
import { uniformMachines } from '../../../compiler/6-partition/problem.ts';
import { ASSUMED_RATE } from '../../../compiler/6-partition/scheduled-machines.ts';
import { batchFlops, shardMemory } from '../../../compiler/6-partition/shards/work.ts';
import type { Selected, Staged } from '../../../compiler/compile.ts';
import { TRAIN } from '../../../spec/names.ts';
import { UserError } from '../../support/errors.ts';
import type { BorderCodec } from '../../wire/codec.ts';
import {
  type AskedSchedule,
  askedSchedule,
  isOption,
  isPipelined,
  leaving,
  schedulesOf,
} from '../planning/asked-schedule.ts';
import { placementNeeds } from '../planning/placement-needs.ts';
import { type Prediction, placeOn, predictPlaced, predictRate, type RatedTrainer } from '../planning/predict-rate.ts';
import { type RatedShard, rated } from '../planning/rated-shard.ts';
import { buildStagesFor } from './compile-model.ts';
import type { CompileArguments } from './options.ts';

export interface Division {
  readonly microbatches: number;
  /** Nodes are not cut: each tick then costs one way between shards, not several. */
  readonly wholeNodes: boolean;
}

/** The assumption where the trainers have not measured what they can do. */
const USUAL = 8;
/** More microbatches, or nodes left whole, have to be worth so much. */
const WORTH = 1.01;

/**
 * That the batches of a training can be divided, and into so many parts.
 *
 * @throws UserError for a training whose batches cannot be divided, or not so
 */
export function assertPipelined({ graph, task }: Staged, { schedule, microbatches }: AskedSchedule): void {
  const problem = task ? pipelineProblem(graph, task) : 'it has no training';
  const isFree = schedule?.value === 'async';
  const by = isFree ? microbatches : schedule;
  const asked = by === undefined || isOption(by) ? '' : `, as ${by.by} asks`;
  if (problem !== undefined || !task)
    throw new UserError(
      'deploy/pipelined',
      `${task?.name ?? graph.name} cannot be ${isFree ? 'divided into microbatches' : 'pipelined'}${asked}: ${problem}`,
      isFree ? 'leave out the microbatches, or say --microbatches 1' : 'use --schedule lockstep, or --microbatches 1',
    );
  if (microbatches === undefined) return;
  const possible = possibleMicrobatches(task.batch);
  if (possible.includes(microbatches.value)) return;
  const who = isOption(microbatches) ? '' : `${microbatches.by}: `;
  throw new UserError(
    'deploy/microbatches',
    microbatches.value > MAX_MICROBATCHES
      ? `${who}${microbatches.value} microbatches are more than the ${MAX_MICROBATCHES} that are possible`
      : `${who}a batch of ${task.batch} cannot be divided into ${microbatches.value} parts of ${microbatchSizes(task.batch, microbatches.value).size}: no sample would be left for the last`,
    `use ${possible.join(', ')}; or another --batch`,
  );
}

/**
 * Of commands that cut a model themselves, with no mesh to choose for: its stages as the schedule has them, for a
 * microbatch where it is pipelined, and with ticks in a loop where it is asynchronous.
 */
export function asScheduled(
  selected: Selected,
  whole: Staged,
  shards: number,
  args: Pick<CompileArguments, 'microbatches' | 'ahead' | 'schedule' | 'staleness' | 'late'>,
  staleness = 0,
): Staged {
  const given = args.microbatches !== undefined || args.ahead === 1;
  const asynchronous = args.schedule === 'async';
  // One shard has no neighbours: the model's settings for shards do not concern it.
  if (shards === 1 && !given && !asynchronous) return whole;
  const asked = askedSchedule(args, schedulesOf(selected));
  if (asked.schedule?.value === 'async') {
    if (shards === 1) throw needsShards('one shard has no neighbours whose values could be late');
    assertFree(whole, asked);
    const async = { staleness: asked.staleness?.value ?? staleness, ...leaving(asked) };
    return buildStagesFor(shards, selected, asked.microbatches?.value ?? 1, async);
  }
  if (!isPipelined(asked)) return whole;
  assertPipelined(whole, asked);
  const parts = asked.microbatches?.value ?? usualMicrobatches(selected.task?.batch ?? 1);
  if (shards > 1)
    return parts > 1 ? { ...buildStagesFor(shards, selected, parts), ahead: asked.ahead?.value ?? 0 } : whole;
  throw new UserError(
    'deploy/microbatches',
    'one shard has no neighbours to wait for, so its batches are not divided and none begins ahead of another',
    'leave out --microbatches and --ahead, or ask for more shards',
  );
}

function needsShards(reason: string): UserError {
  return new UserError('deploy/schedule', reason, 'leave out --schedule async, or ask for more shards');
}

/** @throws UserError for a rule whose values may not be late, or batches that cannot be divided as they are to be */
export function assertFree(staged: Staged, given: AskedSchedule): void {
  const { graph, task } = staged;
  const { schedule, microbatches } = given;
  if ((microbatches?.value ?? 1) > 1) assertPipelined(staged, given);
  const problem = task && scheduleProblem('async', graph, task);
  if (problem === undefined) return;
  const asked = schedule === undefined || isOption(schedule) ? '' : `, as ${schedule.by} asks`;
  throw new UserError(
    'deploy/schedule',
    `${task?.name} cannot be trained in the schedule async${asked}: ${problem}`,
    'use --schedule lockstep, or a rule that settles (`learn.il`)',
  );
}

export function usualMicrobatches(batch: number): number {
  return evenMicrobatches(batch, USUAL).at(-1) ?? 1;
}

/**
 * The division with the highest predicted rate; of equals the one with fewer parts.
 *
 * @param staged of the whole batch
 * @param ahead whether batches begin before the weight step of the one before them: 0 or 1
 * @param on keys of trainers, by shard
 */
export function chooseDivision(
  staged: Staged & { readonly task: NonNullable<Staged['task']> },
  shards: number,
  trainers: readonly RatedTrainer[],
  codec: BorderCodec,
  ahead = 0,
  on?: readonly string[],
): Division {
  const counts = evenMicrobatches(staged.task.batch);
  let best: (Division & { readonly rate: number }) | undefined;
  for (const wholeNodes of [false, true]) {
    const cut = cutModel({ ...staged, wholeNodes }, uniformMachines(shards, { rate: ASSUMED_RATE }));
    if (cut.kind === 'impossible') continue;
    const shardsOf = cut.split.map(rated);
    const own = cut.split.map((s) => ({ memory: shardMemory(s), flops: batchFlops(s, TRAIN), bytes: 0 }));
    for (const microbatches of counts) {
      const { needs, pace } = placementNeeds(shardsOf, codec, { microbatches, ahead });
      const timed = own.map((need, i) => ({ ...need, ...needs[i] }));
      const { owners } = placeOn(timed, trainers, { pace, microbatches, ...(on ? { on } : {}) });
      const found: Prediction | undefined =
        owners.length === shards ? predictRate(shardsOf, owners, trainers, codec, { microbatches, ahead }) : undefined;
      if (!found) continue;
      if (!best || found.batchesPerSecond > best.rate * WORTH)
        best = { microbatches, wholeNodes, rate: found.batchesPerSecond };
    }
  }
  return best ?? { microbatches: usualMicrobatches(staged.task.batch), wholeNodes: false };
}

/**
 * Parts of a batch in the schedule `async`: each has ticks of its own, so a frame is on its way while a shard works on
 * another part. The number with the highest predicted rate; of equals the fewest, one where nothing was measured.
 *
 * @param shards of the whole batch, as that schedule cuts it
 * @param staleness ticks
 * @param on keys of trainers, by shard
 */
export function chooseParts(
  { graph, task }: Pick<Staged, 'graph'> & { readonly task: NonNullable<Staged['task']> },
  shards: readonly RatedShard[],
  {
    trainers,
    codec,
    staleness,
    on,
  }: {
    readonly trainers: readonly RatedTrainer[];
    readonly codec: BorderCodec;
    readonly staleness: number;
    readonly on: readonly string[] | undefined;
  },
): number {
  if (pipelineProblem(graph, task) !== undefined) return 1;
  let best = { parts: 1, rate: 0 };
  for (const microbatches of evenMicrobatches(task.batch)) {
    const division = { microbatches, ahead: 0 };
    const { needs, pace } = placementNeeds(shards, codec, division);
    const placed = needs.map((need, i) => ({
      memory: shards[i]?.state ?? 0,
      flops: need.work.flops,
      bytes: 0,
      ...need,
    }));
    const { owners } = placeOn(placed, trainers, { pace, microbatches, ...(on ? { on } : {}) });
    if (owners.length < shards.length) continue;
    const found = predictPlaced({ shards, owners, trainers, codec, division, staleness });
    if (found && found.batchesPerSecond > best.rate * WORTH)
      best = { parts: microbatches, rate: found.batchesPerSecond };
  }
  return best.parts;
}
