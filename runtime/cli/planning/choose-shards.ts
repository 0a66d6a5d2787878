/**
 * The default number of shards of a model: as many as train fastest on the trainers of the mesh, by
 * the costs that the dry run counts with; of equals the fewest. And what would make one fit that fits nowhere.
 */
import { countMemory } from '../../../compiler/5-program/cost.ts';
import { cutModel } from '../../../compiler/6-partition/cut-model.ts';
import { uniformMachines } from '../../../compiler/6-partition/problem.ts';
import { ASSUMED_RATE } from '../../../compiler/6-partition/scheduled-machines.ts';
import { batchFlops, shardMemory } from '../../../compiler/6-partition/shards/work.ts';
import type { Staged } from '../../../compiler/compile.ts';
import { TRAIN } from '../../../spec/names.ts';
import { neededMemory } from '../../net/needed-memory.ts';
import { stretchesOf } from '../../roles/stretch-length.ts';
import { wholeSchedule } from '../../shard/whole.ts';
import type { BorderCodec } from '../../wire/codec.ts';
import { batchTime } from './cut-time.ts';
import { placementNeeds } from './placement-needs.ts';
import { placeOn, predictRate, type RatedTrainer } from './predict-rate.ts';
import { type RatedShard, rated } from './rated-shard.ts';

/** Numbers of shards that are tried, up to one for each trainer. */
const TRIED = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64];
/** A second shard has to be worth so much. */
const WORTH = 1.05;
/** So many in a row that are slower than the best end the search. */
const MAX_SLOWER = 2;

export interface ShardChoice {
  readonly shards: number;
  /** Absent where a trainer has not measured what it can do. */
  readonly batchesPerSecond?: number;
}

export interface Division {
  readonly codec: BorderCodec;
  /** Of a batch; absent in lockstep. */
  readonly parts?: { readonly microbatches: number; readonly ahead: number };
}

interface Cut {
  /** By shard: bytes that a plan says of it, and FLOP of a batch. */
  readonly shards: readonly { readonly memory: number; readonly flops: number }[];
  readonly rated: readonly RatedShard[];
}

/** @returns nothing where none of them fits. @param note told what is being tried */
export function chooseShards(
  staged: Staged,
  trainers: readonly RatedTrainer[],
  { codec, parts }: Division,
  note: (doing: string) => void = () => undefined,
): ShardChoice | undefined {
  let best: ShardChoice | undefined;
  let slower = 0;
  for (const shards of TRIED.filter((count) => count <= trainers.length)) {
    note(`looking at ${shards} ${shards === 1 ? 'shard' : 'shards'}`);
    const cut = cutInto(staged, shards);
    if (!cut || !mayFit(cut, trainers)) continue;
    const division = shards > 1 ? parts : undefined;
    const { needs, pace } = needsOf(cut, staged, trainers, { codec, ...(division ? { parts: division } : {}) });
    const { owners, problem } = placeOn(needs, trainers, { pace, microbatches: division?.microbatches ?? 1 });
    if (problem !== undefined) continue;
    const rate = predictRate(cut.rated, owners, trainers, codec, division)?.batchesPerSecond;
    if (!best) best = { shards, ...(rate === undefined ? {} : { batchesPerSecond: rate }) };
    else if (rate !== undefined && rate > (best.batchesPerSecond ?? 0) * WORTH) {
      best = { shards, batchesPerSecond: rate };
      slower = 0;
    } else if (++slower === MAX_SLOWER) break;
  }
  return best;
}

/** The fewest shards, more than that, that fit the trainers; nothing where none do. */
export function fittingShards(staged: Staged, trainers: readonly RatedTrainer[], beyond: number): number | undefined {
  for (const shards of TRIED.filter((count) => count > beyond)) {
    const cut = cutInto(staged, shards);
    if (cut && mayFit(cut, trainers) && placeOn(needsOf(cut, staged, trainers).needs, trainers).problem === undefined)
      return shards;
  }
  return undefined;
}

/** By what plans say, which is a part of what trainers count: quickly. */
function mayFit({ shards }: Cut, trainers: readonly RatedTrainer[]): boolean {
  const needs = shards.map((shard) => ({ ...shard, bytes: 0 }));
  return placeOn(needs, trainers).problem === undefined;
}

/** Memory as trainers count it, but for the files of the plan, which are not written, and the data. */
function needsOf(
  { shards, rated }: Cut,
  { task }: Staged,
  trainers: readonly RatedTrainer[],
  { codec, parts }: Division = { codec: 'f32' },
) {
  const { needs, pace } = placementNeeds(rated, codec, parts);
  const stretches = stretchesOf(
    needs,
    trainers.map((t) => t.capability),
  );
  const counted = rated.map(({ program, schedule }, i) => ({
    ...{ states: program.states, schedule },
    memory: shards[i]?.memory ?? 0,
  }));
  const memory = neededMemory({ shards: counted, batch: task?.batch ?? 1, sends: needs, stretches });
  return {
    needs: shards.map(({ flops }, i) => ({ ...{ memory: memory[i] ?? 0, flops, bytes: 0 }, ...needs[i] })),
    pace,
  };
}

function cutInto(staged: Staged, shards: number): Cut | undefined {
  if (shards === 1) {
    const { program } = staged;
    const whole = { program, schedule: wholeSchedule(program) };
    return { shards: [{ memory: countMemory(program), flops: 1 }], rated: [rated(whole)] };
  }
  const cut = cutModel(staged, uniformMachines(shards, { rate: ASSUMED_RATE }), { batchTime });
  if (cut.kind === 'impossible') return undefined;
  const needs = cut.split.map((s) => ({ memory: shardMemory(s), flops: batchFlops(s, TRAIN) }));
  return { shards: needs, rated: cut.split.map(rated) };
}
