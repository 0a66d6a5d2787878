/**
 * A program for one machine becomes programs for several, with what they send each other: the same operations on the
 * same values in the same order of sums, so that all shards together compute what one would (architecture, "borders").
 */

import { LAST, MOVE, TRAIN } from '../../../spec/names.ts';
import type { Program, ProgramFunction, State } from '../../../spec/program.ts';
import type { ShardFunction, ShardSchedule } from '../../../spec/schedule.ts';
import { cutFunction, type FunctionCut, type Placing } from './function-cut.ts';
import { type FunctionLoads, tickWorkOf } from './loads.ts';
import type { Assignment, Owners } from './owners.ts';
import { joinStraight } from './straight.ts';

export interface ShardProgram {
  readonly program: Program;
  readonly schedule: ShardSchedule;
}

/** One program on its way to several, for those who want to know first what it costs each of them. */
export interface Splitting {
  /** FLOP of a tick of each shard, of one microbatch: as its program will have them, which is not written for this. */
  tickWork(): number[];
  programs(): ShardProgram[];
}

export function splitting(program: Program, placing: Placing): Splitting {
  const functions = program.functions;
  const pipelined = functions.some((f) => f.role === 'move');
  const cuts: FunctionCut[] = [];
  /** The first functions, each of them cut once: messages are numbered in their order. */
  const first = (count: number): readonly FunctionCut[] => {
    for (const f of functions.slice(cuts.length, count)) {
      // Microbatches share a shard's states: between segments none may hold what belongs to one of them.
      const alone = !((f.role === 'train' || f.role === 'last') && pipelined);
      cuts.push(cutFunction(program, joinStraight(f), placing, cuts.at(-1)?.nextMessage ?? 0, alone));
    }
    return cuts.slice(0, count);
  };
  return {
    tickWork: () => {
      const trains = functions.findLastIndex((f) => f.role === 'train' || f.role === 'last' || f.role === 'move');
      const loads = first(Math.max(0, trains) + 1).map(({ f, loads: find }): FunctionLoads => ({ f, loads: find() }));
      return tickWorkOf(loads, placing.shards);
    },
    programs: () => write(program, placing, first(functions.length)),
  };
}

/** @param assignment a shard 0 … shards - 1 for every node and link */
export function splitProgram(program: Program, owners: Owners, assignment: Assignment, shards: number): ShardProgram[] {
  return splitting(program, { owners, assignment, shards }).programs();
}

function write(program: Program, placing: Placing, cuts: readonly FunctionCut[]): ShardProgram[] {
  const written = cuts.map((cut) => cut.write());
  const statesOf = stateFinder(program);
  return learnedByShard(program, placing).map((learned, shard) => {
    const parts = written.flatMap((all) => all.parts[shard] ?? []);
    const functions = parts.flatMap((part) => part.segments);
    const states = [...statesOf(functions, learned), ...parts.flatMap((part) => part.states)];
    const messages = written.flatMap((all) => all.messages[shard] ?? []);
    return {
      program: { name: program.name, states, functions },
      schedule: { shard, functions: withMove(parts.map((part) => part.schedule)), messages },
    };
  });
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

/**
 * States that a run saves, whether or not any function reads it: a node may teach no weight under one rule, and some under
 * another.
 */
function isLearned({ role }: State): boolean {
  return role === 'parameter' || role === 'optimizer';
}

/** The places of the learned states that each shard keeps, in the program's order. */
function learnedByShard(program: Program, { owners, assignment, shards }: Placing): number[][] {
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
