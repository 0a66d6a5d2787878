/**
 * A program for one machine becomes programs for several, with what they send each other: the same operations on the
 * same values in the same order of sums, so that all shards together compute what one would (architecture, "borders").
 */

import { isOfLanes, LAST, MOVE, TRAIN } from '../../../spec/names.ts';
import type { Program, ProgramFunction, State } from '../../../spec/program.ts';
import type { Message, ShardFunction, ShardSchedule } from '../../../spec/schedule.ts';
import { makeAhead } from './ahead.ts';
import { Emitter } from './emit.ts';
import { type Held, heldMaps, holdValues } from './held.ts';
import { indexHomes } from './home-index.ts';
import { partsOf } from './needs.ts';
import type { Assignment, Owners } from './owners.ts';
import { findPhases, type Telling } from './phases.ts';
import { type Homes, NOWHERE, placeValues } from './place.ts';
import { type DraftStage, draftStages, type Numbered, tellingsBehind } from './stages.ts';
import { joinStraight } from './straight.ts';
import { type FunctionValues, type OpValue, type ResultValue, type Value, valuesOf } from './values.ts';

export interface ShardProgram {
  readonly program: Program;
  readonly schedule: ShardSchedule;
}

/** One program on its way to several, for those who want to know first what a batch of it costs each shard. */
export interface Splitting {
  /** With the functions alone that a batch runs: training, or the first prediction where nothing is trained. */
  ofBatch(): ShardProgram[];
  all(): ShardProgram[];
}

/** @param assignment a shard 0 … shards - 1 for every node and link */
export function splitting(program: Program, owners: Owners, assignment: Assignment, shards: number): Splitting {
  const functions = program.functions.filter((f) => !isOfLanes(f.role));
  const pipelined = functions.some((f) => f.role === 'move');
  const trains = functions.filter((f) => ['train', 'last', 'move'].includes(f.role));
  const done: SplitFunction[] = [];
  /** The first functions, each of them split once. */
  const first = (count: number): readonly SplitFunction[] => {
    for (const f of functions.slice(done.length, count)) {
      // Microbatches share a shard's states: between segments none may hold what belongs to one of them.
      const alone = !((f.role === 'train' || f.role === 'last') && pipelined);
      const message = done.at(-1)?.nextMessage ?? 0;
      done.push(splitFunction(program, joinStraight(f), owners, assignment, shards, message, alone));
    }
    return done.slice(0, count);
  };
  const statesOf = stateFinder(program);
  const learned = learnedByShard(program, owners, assignment, shards);
  const joined = (split: readonly SplitFunction[]): ShardProgram[] =>
    learned.map((kept, shard) => {
      const parts = split.flatMap(({ parts: all }) => all[shard] ?? []);
      const segments = parts.flatMap((part) => part.segments);
      const states = [...statesOf(segments, kept), ...parts.flatMap((part) => part.states)];
      return {
        program: { name: program.name, states, functions: segments },
        schedule: {
          shard,
          functions: withMove(parts.map((part) => part.schedule)),
          messages: split.flatMap(({ messages }) => messages[shard] ?? []),
        },
      };
    });
  const ofBatch = 1 + (trains.length > 0 ? functions.indexOf(trains.at(-1) as ProgramFunction) : 0);
  return { ofBatch: () => joined(first(ofBatch)), all: () => joined(first(functions.length)) };
}

export function splitProgram(program: Program, owners: Owners, assignment: Assignment, shards: number): ShardProgram[] {
  return splitting(program, owners, assignment, shards).all();
}

/** The weight step as what comes after the microbatches of a batch, where there are any. */
function withMove(functions: readonly ShardFunction[]): ShardFunction[] {
  const move = functions.find((f) => f.name === MOVE);
  if (!move) return [...functions];
  if (move.stages.some((s) => s.segments.some((g) => g.send.length + g.receive.length > 0)))
    throw new Error('weights of a pipelined training move on more than one shard at once');
  const last = functions.some((f) => f.name === LAST) ? { last: LAST } : {};
  const divided = (f: ShardFunction): ShardFunction => {
    return { ...f, microbatches: Math.ceil(move.batch / f.batch), ...last, after: move.stages };
  };
  return functions.filter((f) => f !== move).map((f) => (f.name === TRAIN ? divided(f) : f));
}

interface SplitFunction {
  /** For each shard those that it sends or receives. */
  readonly messages: readonly (readonly Message[])[];
  readonly nextMessage: number;
  readonly parts: readonly {
    readonly schedule: ShardFunction;
    readonly segments: readonly ProgramFunction[];
    readonly states: readonly State[];
  }[];
}

function splitFunction(
  program: Program,
  f: ProgramFunction,
  owners: Owners,
  assignment: Assignment,
  shards: number,
  firstMessage: number,
  alone: boolean,
): SplitFunction {
  const values = valuesOf(program, f);
  const homes = placeValues(values, owners, assignment);
  const results = resultsByShard(values, homes, shards);
  const index = indexHomes(values, homes);
  const parts = partsOf(values, homes, index, shards, wantedBeyond(values, homes, results));
  const phases = findPhases(values, homes, parts);
  const number = (tellings: readonly Telling[], from: number): Numbered[] =>
    tellings.map((t, i) => ({ ...t, id: from + i }));
  const inside = number(phases.tellings, firstMessage);
  const behind = number(tellingsBehind(values, homes, parts), firstMessage + inside.length);
  const tellings = [...inside, ...behind];
  const byId = new Map(tellings.map((t) => [t.id, t]));
  const insideOf = byShard(inside, shards);
  const behindOf = byShard(behind, shards);
  const emitter = new Emitter(values, byId);
  const [work, maps] = [new Map<Value, number>(), heldMaps(values)];
  return {
    messages: byShard(tellings.map(messageOf), shards),
    nextMessage: firstMessage + tellings.length,
    parts: parts.map(({ shard }) => {
      const stages = draftStages(values, shard, phases, insideOf[shard] ?? [], behindOf[shard] ?? []);
      const own = results[shard] ?? [];
      for (const { value } of own) if (needsGiving(value)) stages.at(-1)?.segments.at(-1)?.given.push(value);
      makeAhead(work, stages);
      const held = holdValues(values, index, shard, stages, alone, maps);
      giveHeld(stages, held, byId);
      return { ...emitter.emit(stages, held, own), states: held.states };
    }),
  };
}

function messageOf({ id, from, to, values }: Numbered): Message {
  return { id, from, to, values: values.map(({ id: name, shape }) => ({ name, shape })) };
}

/** What a state holds is a value again where another shard is told of it. */
function giveHeld(stages: readonly DraftStage[], held: Held, tellings: ReadonlyMap<number, Numbered>): void {
  for (const { segments } of stages)
    for (const { send, ops, given } of segments)
      for (const id of send)
        for (const value of tellings.get(id)?.values ?? [])
          if (held.names.has(value) && !ops.includes(value as OpValue)) given.push(value);
}

/** What each shard sends or receives. */
function byShard<T extends { readonly from: number; readonly to: number }>(all: readonly T[], shards: number): T[][] {
  const lists: T[][] = Array.from({ length: shards }, () => []);
  for (const one of all) {
    lists[one.from]?.push(one);
    if (one.to !== one.from) lists[one.to]?.push(one);
  }
  return lists;
}

/** A result that no operation of any shard makes: a constant, a state or a field as it is. */
function needsGiving({ isCommon, kind }: Value): boolean {
  return isCommon || kind === 'state' || kind === 'input';
}

function resultsByShard(values: FunctionValues, homes: Homes, shards: number): ResultValue[][] {
  const results: ResultValue[][] = Array.from({ length: shards }, () => []);
  for (const result of values.results) {
    const home = homes.of(result.value);
    results[home === NOWHERE ? 0 : home]?.push(result);
  }
  return results;
}

/** What each shard needs for its states, besides what its operations read. */
function wantedBeyond(
  values: FunctionValues,
  homes: Homes,
  results: readonly (readonly ResultValue[])[],
): readonly (readonly Value[])[] {
  const wanted = results.map((list) => list.map((r) => r.value));
  for (const { state, value } of values.updates) wanted[homes.ofState(state)]?.push(value);
  return wanted;
}

/**
 * What a run saves, whether or not any function reads it: a node may teach no weight under one rule, and some under
 * another.
 */
function isLearned({ role }: State): boolean {
  return role === 'parameter' || role === 'optimizer';
}

/** The places of the learned states that each shard keeps, in the program's order. */
function learnedByShard(program: Program, owners: Owners, assignment: Assignment, shards: number): number[][] {
  const lists: number[][] = Array.from({ length: shards }, () => []);
  program.states.forEach((state, place) => {
    const owner = isLearned(state) ? owners.ofState(state) : undefined;
    const home = owner === undefined ? undefined : assignment.get(owner);
    if (home !== undefined) lists[home]?.push(place);
  });
  return lists;
}

/** Finds the states that any function of a shard reads or writes, and those that it keeps, in the program's order. */
function stateFinder(program: Program): (segments: readonly ProgramFunction[], kept: readonly number[]) => State[] {
  const places = new Map(program.states.map((s, i) => [s.id, i]));
  return (segments, kept) => {
    const used = new Set<number>(kept);
    const see = (id: string): void => {
      const place = places.get(id);
      if (place !== undefined) used.add(place);
    };
    for (const f of segments) {
      for (const block of f.blocks) for (const op of block.ops) for (const arg of op.args) see(arg);
      for (const { state, value } of f.updates) for (const id of [state, value]) see(id);
      for (const { value } of f.results) see(value);
    }
    return [...used].sort((a, b) => a - b).flatMap((place) => program.states[place] ?? []);
  };
}
