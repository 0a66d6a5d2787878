/** Why a model has no such partition, in words. */
import type { ScheduleInstance, TrainTask } from '../3-check/checked.ts';
import { methodOf } from '../5-program/method.ts';
import type { Impossible, Machines } from './problem.ts';

/** The model cannot be cut so, and what to do instead. */
export interface CannotCut {
  readonly kind: 'impossible';
  readonly reason: string;
  readonly repair: string;
}

/** Why there is no partition, in words, and what would make one possible. */
export function explain(why: Impossible, model: string, pieces: readonly string[], { list }: Machines): CannotCut {
  const kind = 'impossible';
  const name = (piece: number): string => pieces[piece] ?? model;
  switch (why.reason) {
    case 'too-few':
      return {
        kind,
        reason: `${model} can be cut into at most ${why.most} parts, not into ${list.length}`,
        repair: `ask for ${why.most} or fewer`,
      };
    case 'memory':
      return {
        kind,
        reason: `${model} needs ${mebibytes(why.needed)}, all machines together have ${mebibytes(why.available)}`,
        repair: 'add machines, or make the model or its batch smaller',
      };
    case 'atom-memory':
      return {
        kind,
        reason: `${name(why.piece)} needs ${mebibytes(why.needed)}, the largest machine has ${mebibytes(why.largest)}`,
        repair: 'add a larger machine, or keep fewer nodes together',
      };
    case 'packing':
      return {
        kind,
        reason: `${list[why.machine]?.name ?? `machine ${why.machine}`} would hold ${mebibytes(why.needed)} of ${mebibytes(why.available)}`,
        repair: 'add machines or memory',
      };
    case 'pins':
      return { kind, reason: `${name(why.piece)} is pinned to two machines`, repair: 'pin it to one' };
  }
}

export function mebibytes(bytes: number): string {
  return `${(bytes / 1024 ** 2).toFixed(1)} MiB`;
}

/** A node that rests has nothing to send, and no frame says so yet: its neighbours in another shard would wait for it. */
export function restsInPieces(task: TrainTask | undefined, shards: number): CannotCut | undefined {
  const method = task && methodOf(task);
  if (shards < 2 || !method || !('freeze' in method) || !method.freeze) return undefined;
  const reason = `with \`freeze = ${method.freeze}\` nodes of ${task.name} rest, which shards cannot tell each other yet`;
  return { kind: 'impossible', reason, repair: 'train it in one piece, or leave out freeze' };
}

/** Settings of a schedule that no runtime carries out: they are refused, not ignored. */
export function notYet(schedules: readonly ScheduleInstance[]): CannotCut | undefined {
  for (const { name, settings } of schedules) {
    const { mode, microbatches, ahead, staleness, late } = settings;
    const refuse = (reason: string, repair: string): CannotCut => ({
      kind: 'impossible',
      reason: `schedule ${name}: ${reason}`,
      repair,
    });
    const word = typeof mode === 'object' && mode.kind === 'symbol' ? mode.name : undefined;
    const pipelined = word === undefined ? microbatches !== undefined : word === 'pipelined';
    if (typeof ahead === 'number' && ahead > 0 && !pipelined)
      return refuse('only pipelined batches can begin ahead', 'mode = pipelined, or leave out ahead');
    if (typeof staleness === 'number' && staleness > 0 && word !== 'async')
      return refuse('lockstep and pipelined schedules have no stale borders', 'mode = async, or leave out staleness');
    if (late !== undefined && word !== 'async')
      return refuse('lockstep and pipelined schedules wait for all frames', 'mode = async, or leave out late');
  }
  return undefined;
}
