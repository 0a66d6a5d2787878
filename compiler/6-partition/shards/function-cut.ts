/** One function on its way to several shards: cut once, looked at for what it costs them, and written for them. */
import type { Program, ProgramFunction, State } from '../../../spec/program.ts';
import type { Message, ScheduledValue, ShardFunction } from '../../../spec/schedule.ts';
import { makeAhead } from './ahead.ts';
import type { Draft } from './draft.ts';
import { EARLY_WORK } from './early-work.ts';
import { Emitter } from './emit.ts';
import { type Held, heldMaps, holdValues } from './held.ts';
import { indexHomes } from './home-index.ts';
import { type Load, Loads } from './loads.ts';
import { partsOf } from './needs.ts';
import type { Assignment, Owners } from './owners.ts';
import { findPhases, type Telling, type Tellings } from './phases.ts';
import { type Homes, NOWHERE, placeValues } from './place.ts';
import { type DraftStage, draftStages, tellingsBehind } from './stages.ts';
import { type FunctionValues, type OpValue, type ResultValue, type Value, valuesOf } from './values.ts';

/** Whose nodes and links are where. */
export interface Placing {
  readonly owners: Owners;
  /** A shard 0 … shards - 1 for every node and link. */
  readonly assignment: Assignment;
  readonly shards: number;
  /** FLOP of a tick that are worth a segment of their own while frames are on their way. */
  readonly earlyWork?: number;
  /** Whether shards train on without others (schedule `async`). */
  readonly mayBeAbsent?: boolean;
}

export interface FunctionCut {
  readonly f: ProgramFunction;
  readonly nextMessage: number;
  /** Its cost to each shard. */
  loads(): Load[];
  write(): WrittenFunction;
}

export interface WrittenFunction {
  /** For each shard those that it sends or receives. */
  readonly messages: readonly (readonly Message[])[];
  readonly parts: readonly {
    readonly schedule: ShardFunction;
    readonly segments: readonly ProgramFunction[];
    readonly states: readonly State[];
  }[];
}

/** @param alone one batch at a time has the states */
export function cutFunction(
  program: Program,
  f: ProgramFunction,
  { owners, assignment, shards, earlyWork = EARLY_WORK, mayBeAbsent = false }: Placing,
  firstMessage: number,
  alone: boolean,
): FunctionCut {
  const values = valuesOf(program, f);
  const homes = placeValues(values, owners, assignment);
  const results = resultsByShard(values, homes, shards);
  const index = indexHomes(values, homes);
  const isLeft = mayBeAbsent && f.role === 'train';
  const parts = partsOf(values, homes, index, shards, wantedBeyond(values, homes, results), isLeft);
  let nextMessage = firstMessage;
  const nextId = (): number => nextMessage++;
  const phases = findPhases(values, homes, parts, alone ? earlyWork : undefined, nextId);
  const inside = phases.tellings;
  const behind = tellingsBehind(values, homes, parts, nextId);
  const tellings = [...inside, ...behind];
  const byId: Tellings = { get: (id) => tellings[id - firstMessage] };
  const [insideOf, behindOf] = [byShard(inside, shards), byShard(behind, shards)];
  const [work, maps] = [new Map<Value, number>(), heldMaps(values)];
  const draftOf = (shard: number): Draft => {
    const stages = draftStages(values, shard, phases, insideOf[shard] ?? [], behindOf[shard] ?? []);
    const own = results[shard] ?? [];
    for (const { value } of own) if (needsGiving(value)) stages.at(-1)?.segments.at(-1)?.given.push(value);
    makeAhead(work, stages, (loop) => index.carries(shard, loop).map((c) => c.init));
    const held = holdValues(values, index, shard, stages, alone, maps);
    giveHeld(stages, held, byId);
    return { stages, held, results: own, stands: [...(parts[shard]?.stands.values() ?? [])] };
  };
  return {
    f,
    nextMessage,
    loads: () => {
      const loads = new Loads(values, byId);
      return parts.map(({ shard }) => loads.of(draftOf(shard)));
    },
    write: () => {
      const emitter = new Emitter(values, byId);
      const written = parts.map(({ shard }) => {
        const draft = draftOf(shard);
        return { ...emitter.emit(draft), states: draft.held.states };
      });
      const messages = tellings.map((telling) => messageOf(telling, parts[telling.to]?.stands));
      return { messages: byShard(messages, shards), parts: written };
    },
  };
}

function messageOf({ id, from, to, values }: Telling, stands?: ReadonlyMap<Value, Value>): Message {
  const told = (value: Value): ScheduledValue => {
    const standIn = stands?.get(value)?.id;
    return { name: value.id, shape: value.shape, ...(standIn !== undefined && { standIn }) };
  };
  return { id, from, to, values: values.map(told) };
}

/** Makes a state's content a value again where another shard is told of it. */
function giveHeld(stages: readonly DraftStage[], held: Held, tellings: Tellings): void {
  for (const { segments } of stages)
    for (const { send, ops, given } of segments)
      for (const id of send)
        for (const value of tellings.get(id)?.values ?? [])
          if (held.names.has(value) && !ops.includes(value as OpValue)) given.push(value);
}

/** Values that each shard sends or receives. */
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

/** Values that each shard needs for its states, besides those that its operations read. */
function wantedBeyond(
  values: FunctionValues,
  homes: Homes,
  results: readonly (readonly ResultValue[])[],
): readonly (readonly Value[])[] {
  const wanted = results.map((list) => list.map((r) => r.value));
  for (const { state, value } of values.updates) wanted[homes.ofState(state)]?.push(value);
  return wanted;
}
