/** `--schedule pipelined`: into how many microbatches a batch is divided, given or chosen for the trainers of a mesh. */
import { MOST_MICROBATCHES, pipelineProblem, possibleMicrobatches } from '../../compiler/5-program/pipeline.ts';
import { uniformMachines } from '../../compiler/6-partition/problem.ts';
import { batchFlops, shardMemory } from '../../compiler/8-plan/shards.ts';
import type { Selected, Staged } from '../../compiler/build-program.ts';
import { ASSUMED_RATE } from '../../compiler/build-shards.ts';
import { cutModel } from '../../compiler/cut-model.ts';
import { UserError } from '../support/errors.ts';
import { type Arguments, text } from './command.ts';
import { buildStages } from './compile-model.ts';
import { type Prediction, placeOn, predictRate, type RatedTrainer, rated } from './predict-rate.ts';
import { wholeNumber } from './whole-number.ts';

export interface Division {
  readonly microbatches: number;
  /** Nodes are not cut: each tick then costs one way between shards, not several. */
  readonly wholeNodes: boolean;
}

/** Where nobody has measured what the trainers can do. */
const USUAL = 8;
/** More microbatches, or nodes left whole, have to be worth so much. */
const WORTH = 1.01;

/** `--microbatches K`, as it was given. @throws UserError for a training that cannot be pipelined, or not so */
export function givenMicrobatches({ graph, task }: Staged, args: Arguments): number | undefined {
  const problem = task ? pipelineProblem(graph, task) : 'nothing is trained';
  if (problem !== undefined || !task)
    throw new UserError(
      'deploy/pipelined',
      `${task?.name ?? graph.name} cannot be pipelined: ${problem}`,
      'use --schedule lockstep',
    );
  const given = wholeNumber(args, 'microbatches', 1, MOST_MICROBATCHES);
  if (given !== undefined && task.batch % given !== 0)
    throw new UserError(
      'deploy/microbatches',
      `a batch of ${task.batch} cannot be divided into ${given} equal parts, and unequal ones are not there yet`,
      `use ${possibleMicrobatches(task.batch).join(', ')}; or another --batch`,
    );
  return given;
}

/** `--microbatches K` of commands that cut a model themselves: its stages for a microbatch, where K is given. */
export function inMicrobatches(selected: Selected, whole: Staged, shards: number, args: Arguments): Staged {
  const parts = text(args, 'microbatches') === undefined ? 1 : (givenMicrobatches(whole, args) ?? 1);
  if (parts === 1) return whole;
  if (shards > 1) return buildStages(selected, undefined, parts);
  throw new UserError(
    'deploy/microbatches',
    'one shard waits for nobody, so its batches are not divided',
    'leave out --microbatches, or ask for more shards',
  );
}

/**
 * The division with the highest predicted rate; of equals the one with fewer parts.
 *
 * @param staged of the whole batch
 */
export function chooseDivision(
  staged: Staged & { readonly task: NonNullable<Staged['task']> },
  shards: number,
  trainers: readonly RatedTrainer[],
  codec: 'f32' | 'f16',
): Division {
  const counts = possibleMicrobatches(staged.task.batch);
  let best: (Division & { readonly rate: number }) | undefined;
  for (const wholeNodes of [false, true]) {
    const cut = cutModel({ ...staged, wholeNodes }, uniformMachines(shards, { rate: ASSUMED_RATE }));
    if (cut.kind === 'impossible') continue;
    const needs = cut.split.map((s) => ({ memory: shardMemory(s), flops: batchFlops(s, 'train'), bytes: 0 }));
    const { owners } = placeOn(needs, trainers);
    const shardsOf = cut.split.map(rated);
    for (const microbatches of counts) {
      const found: Prediction | undefined =
        owners.length === shards ? predictRate(shardsOf, owners, trainers, codec, microbatches) : undefined;
      if (!found) continue;
      if (!best || found.batchesPerSecond > best.rate * WORTH)
        best = { microbatches, wholeNodes, rate: found.batchesPerSecond };
    }
  }
  return best ?? { microbatches: counts.filter((k) => k <= USUAL).at(-1) ?? 1, wholeNodes: false };
}
