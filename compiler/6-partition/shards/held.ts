/**
 * Values of a weight's size stay on the device: where one is needed by a later segment it is kept in a state, that of
 * its weight where the old weight is not read any more.
 */
import { heldName, servesWeight } from '../../../spec/names.ts';
import type { State } from '../../../spec/program.ts';
import type { HomeIndex } from './home-index.ts';
import type { DraftSegment, DraftStage } from './stages.ts';
import { SegmentLists, ValueMap } from './value-map.ts';
import { type CarryValues, type FunctionValues, isWeight, type Value } from './values.ts';

export interface Held {
  /** The stand-in for a value in segments that do not make it: a state. */
  readonly names: Pick<ValueMap<string>, 'has' | 'get'>;
  /** States that hold values within a batch, besides those of the program. */
  readonly states: readonly State[];
}

interface Places {
  readonly segments: readonly DraftSegment[];
  readonly stageOf: ReadonlyMap<DraftSegment, DraftStage>;
  /** Segment that makes a value. */
  readonly made: ValueMap<number>;
  /** Segments that read a value (through no state). */
  readonly readBy: SegmentLists;
}

/** Findings about one shard, kept until the next one. */
export interface HeldMaps extends Pick<Places, 'made' | 'readBy'> {
  readonly names: ValueMap<string>;
}

export function heldMaps({ count }: FunctionValues): HeldMaps {
  return { made: new ValueMap(count), readBy: new SegmentLists(count), names: new ValueMap(count) };
}

/**
 * Adds to the drafts the updates that hold values, carries and states of this shard.
 *
 * @param alone one batch at a time has the states: else they hold only what is the same for all that are under way
 * @param maps that are the result's until they are used again
 */
export function holdValues(
  values: FunctionValues,
  index: HomeIndex,
  shard: number,
  stages: readonly DraftStage[],
  alone: boolean,
  maps: HeldMaps,
): Held {
  const { names } = maps;
  names.clear();
  const states: State[] = [];
  const places = placesOf(stages, maps);
  const keep = ({ id, shape }: Value): string => {
    const state = heldName(values.f.name, id);
    states.push({ id: state, shape, role: 'value', init: { kind: 'constant', value: 0 } });
    return state;
  };
  const updates = index.updates(shard);
  const finish = stages.at(-1)?.segments.at(-1) as DraftSegment;
  const settled = new Set<Value>();
  for (const stage of stages) {
    if (stage.loop === undefined) continue;
    const before = stages[stages.indexOf(stage) - 1]?.segments.at(-1) as DraftSegment;
    for (const carry of index.carries(shard, stage.loop)) {
      const { inside, result, init, next } = carry;
      const maker = alone && isWeight(carry) ? makerOf(carry, places, stage) : undefined;
      if (maker === undefined) {
        moveCarry(carry, stage, before);
        continue;
      }
      const update = updates.find((u) => u.value === result);
      const free = update && !readFrom(places, update.state, firstReach(init, places, stage));
      const storage = update && free ? update.state.id : keep(inside);
      names.set(inside, storage);
      names.set(result, storage);
      if (init.kind === 'op' && !isRead(places, init, places.made.get(init))) names.set(init, storage);
      else if (init.id !== storage) before.updates.push({ state: storage, value: init });
      if (maker !== 'nobody') maker.updates.push({ state: storage, value: next });
      if (update) settled.add(update.state);
      if (update && !free) finish.updates.push({ state: update.state.id, value: result });
    }
  }
  for (const segment of places.segments)
    for (const op of segment.ops) {
      // Of an operation that stands in several segments the last one counts.
      const at = places.made.get(op);
      if (at === undefined || places.segments[at] !== segment) continue;
      const held = names.get(op);
      if (held !== undefined) segment.updates.push({ state: held, value: op });
      else if (isRead(places, op, at) && (alone ? isHeavy(op) : op.isOfStates)) {
        const state = keep(op);
        names.set(op, state);
        segment.updates.push({ state, value: op });
      }
    }
  for (const { state, value } of updates) {
    if (settled.has(state)) continue;
    const at = places.made.get(value);
    const straight = at !== undefined && places.stageOf.get(places.segments[at] as DraftSegment)?.loop === undefined;
    if (at !== undefined && straight && !readFrom(places, state, at + 1))
      places.segments[at]?.updates.push({ state: state.id, value });
    else {
      if (alone && at !== undefined && !names.has(value) && servesWeight(value.op?.origin)) {
        const kept = keep(value);
        names.set(value, kept);
        places.segments[at]?.updates.push({ state: kept, value });
      }
      finish.updates.push({ state: state.id, value });
    }
  }
  return { names, states };
}

/** A carry that the session holds: its first value has to be a local. */
function moveCarry({ inside, result, init, next }: CarryValues, stage: DraftStage, before: DraftSegment): void {
  for (const value of [init, next])
    if (value.isCommon || value.kind === 'state' || value.kind === 'input') before.given.push(value);
  stage.begin.push({ from: init, to: inside });
  if (next !== inside) stage.next.push({ from: next, to: inside });
  stage.end.push({ from: inside, to: result });
}

/** The segment that may overwrite a carry in place: it makes the next value, and no later segment reads the old one. */
function makerOf(
  { inside, next }: CarryValues,
  places: Places,
  stage: DraftStage,
): DraftSegment | 'nobody' | undefined {
  if (next === inside) return 'nobody';
  const at = places.made.get(next);
  const segment = at === undefined ? undefined : places.segments[at];
  if (at === undefined || !segment || !stage.segments.includes(segment)) return undefined;
  const late = places.readBy.some(inside, (i) => i > at && stage.segments.includes(places.segments[i] as DraftSegment));
  const elsewhere = isRead(places, next, at);
  return late || elsewhere ? undefined : segment;
}

/** The first segment in which a carry's storage no longer holds the state's old value. */
function firstReach(init: Value, places: Places, stage: DraftStage): number {
  const at = places.made.get(init);
  const made = init.kind === 'op' && !isRead(places, init, at) ? at : undefined;
  if (made !== undefined) return made + 1;
  return places.segments.indexOf(stage.segments[0] as DraftSegment);
}

function isRead(places: Places, value: Value, except: number | undefined): boolean {
  return places.readBy.some(value, (i) => i !== except);
}

function readFrom(places: Places, value: Value, first: number): boolean {
  return places.readBy.some(value, (i) => i >= first);
}

/** Not a value of samples: a weight on its way, or made of states alone. */
function isHeavy({ op, isOfStates }: Value): boolean {
  return isOfStates || (op !== undefined && servesWeight(op.origin));
}

function placesOf(stages: readonly DraftStage[], { made, readBy }: HeldMaps): Places {
  made.clear();
  readBy.clear();
  const segments = stages.flatMap((s) => s.segments);
  const stageOf = new Map(stages.flatMap((s) => s.segments.map((g) => [g, s] as const)));
  segments.forEach(({ ops }, i) => {
    for (const op of ops) {
      made.set(op, i);
      for (const arg of op.args) readBy.add(arg, i);
    }
  });
  return { segments, stageOf, made, readBy };
}
