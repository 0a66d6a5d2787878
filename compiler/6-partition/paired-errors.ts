/**
 * Incremental PC moves a weight in every tick by the product of an error and activities. In free ticks (schedule
 * `async`) an error that comes back from another shard is of older activities than those beside the weight, and the
 * rule collapses; it learns where every weight's error is made beside it, of the activities that it is multiplied with.
 */
import { functionRole } from '../../spec/names.ts';
import type { ProgramFunction } from '../../spec/program.ts';
import type { Segment, Stage } from '../../spec/schedule.ts';
import type { TrainTask } from '../3-check/checked.ts';
import { methodOf } from '../5-program/method.ts';
import type { CannotCut } from './cannot-cut.ts';
import type { ShardProgram } from './shards/split.ts';

/** Why shards cannot train by a rule whose weights move in every tick, where frames are late. */
export function unpairedErrors(task: TrainTask | undefined, split: readonly ShardProgram[]): CannotCut | undefined {
  if (!task || methodOf(task).rule !== 'ipc') return undefined;
  const answers = new Set(split.flatMap((shard) => ticksOf(shard).flatMap((stage) => answersIn(stage.segments))));
  for (const shard of split) {
    const weight = weightMovedBy(shard, answers);
    if (weight === undefined) continue;
    return {
      kind: 'impossible',
      reason: `an error comes back to the weight \`${weight}\` from another shard, late: \`${task.name}\` moves it in every tick, and would multiply the error with activities that it is not of`,
      repair: 'fewer shards, or `keep_together` what predicts the same node; or `learn.il`, or mode = lockstep',
    };
  }
  return undefined;
}

function ticksOf({ schedule }: ShardProgram): Stage[] {
  const trains = schedule.functions.filter(({ name }) => functionRole(name) === 'train');
  return trains.flatMap(({ stages }) => stages.filter(({ repeat }) => repeat > 1));
}

/** Messages that a shard sends, in a tick, of what it knows only from a message of that tick. */
function answersIn(segments: readonly Segment[]): number[] {
  const first = segments.findIndex(({ receive }) => receive.length > 0);
  return first < 0 ? [] : segments.slice(first).flatMap(({ send }) => send);
}

/** The first weight that moves, within the tick, by something of these messages. */
function weightMovedBy(shard: ShardProgram, answers: ReadonlySet<number>): string | undefined {
  const { program, schedule } = shard;
  const values = new Map(schedule.messages.map((m) => [m.id, m.values.map((v) => v.name)]));
  const functions = new Map(program.functions.map((f) => [f.name, f]));
  const weights = new Set(program.states.flatMap((s) => (s.role === 'parameter' ? [s.id] : [])));
  const reached = new Set<string>();
  for (const { segments } of ticksOf(shard))
    for (const { receive, run } of segments) {
      for (const id of receive) if (answers.has(id)) for (const name of values.get(id) ?? []) reached.add(name);
      const f = run === undefined ? undefined : functions.get(run);
      if (f) follow(f, reached);
      const moved = f?.updates.find(({ state, value }) => weights.has(state) && reached.has(value));
      if (moved) return moved.state;
    }
  return undefined;
}

/** Adds what a segment makes of values that are reached. */
function follow({ inputs, blocks, results, updates }: ProgramFunction, reached: Set<string>): void {
  for (const { id, field } of inputs) if (reached.has(field)) reached.add(id);
  for (const { ops } of blocks) for (const { id, args } of ops) if (args.some((a) => reached.has(a))) reached.add(id);
  for (const { name, value } of results) if (reached.has(value)) reached.add(name);
  for (const { state, value } of updates) if (reached.has(value)) reached.add(state);
}
