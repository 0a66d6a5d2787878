/**
 * Values of a weight's size stay on the device: where one is needed by a later segment it is kept in a state, that of
 * its weight where the old weight is not read any more.
 */
import { heldName, servesWeight } from '../../../spec/names.ts';
import type { Carry, Op, State } from '../../../spec/program.ts';
import type { HomeIndex } from './home-index.ts';
import type { DraftSegment, DraftStage } from './stages.ts';
import { type FunctionValues, isWeight } from './values.ts';

export interface Held {
  /** What stands for a value in segments that do not make it: a state. */
  readonly names: ReadonlyMap<string, string>;
  /** States that hold values within a batch, besides those of the program. */
  readonly states: readonly State[];
}

interface Places {
  readonly segments: readonly DraftSegment[];
  readonly stageOf: ReadonlyMap<DraftSegment, DraftStage>;
  /** Segment that makes a value. */
  readonly made: ReadonlyMap<string, number>;
  /** Segments that read a value (through no state). */
  readonly readBy: ReadonlyMap<string, readonly number[]>;
}

/**
 * Adds to the drafts the updates that hold values, carries and states of this shard.
 *
 * @param alone one batch at a time has the states: else they hold only what is the same for all that are under way
 */
export function holdValues(
  values: FunctionValues,
  index: HomeIndex,
  shard: number,
  stages: readonly DraftStage[],
  alone = true,
): Held {
  const names = new Map<string, string>();
  const states: State[] = [];
  const places = placesOf(stages);
  const keep = (id: string): string => {
    const state = heldName(values.f.name, id);
    states.push({ id: state, shape: values.shape(id), role: 'value', init: { kind: 'constant', value: 0 } });
    return state;
  };
  const updates = index.updates(shard);
  const finish = stages.at(-1)?.segments.at(-1) as DraftSegment;
  const settled = new Set<string>();
  for (const stage of stages) {
    if (stage.loop === undefined) continue;
    const before = stages[stages.indexOf(stage) - 1]?.segments.at(-1) as DraftSegment;
    for (const carry of index.carries(shard, stage.loop)) {
      const maker = alone && isWeight(values, carry) ? makerOf(carry, places, stage) : undefined;
      if (maker === undefined) {
        moveCarry(values, carry, stage, before);
        continue;
      }
      const update = updates.find((u) => u.value === carry.result);
      const free = update && !readFrom(places, update.state, firstReach(values, carry, places, stage));
      const storage = update && free ? update.state : keep(carry.id);
      names.set(carry.id, storage);
      names.set(carry.result, storage);
      if (values.origin(carry.init).kind === 'op' && !isRead(places, carry.init, places.made.get(carry.init)))
        names.set(carry.init, storage);
      else if (carry.init !== storage) before.updates.push({ state: storage, value: carry.init });
      if (maker !== 'nobody') maker.updates.push({ state: storage, value: carry.next });
      if (update) settled.add(update.state);
      if (update && !free) finish.updates.push({ state: update.state, value: carry.result });
    }
  }
  for (const [id, at] of places.made) {
    const held = names.get(id);
    const segment = places.segments[at] as DraftSegment;
    if (held !== undefined) segment.updates.push({ state: held, value: id });
    else if (isRead(places, id, at) && (alone ? isHeavy(values, id) : values.isOfStates(id))) {
      const state = keep(id);
      names.set(id, state);
      segment.updates.push({ state, value: id });
    }
  }
  for (const { state, value } of updates) {
    if (settled.has(state)) continue;
    const at = places.made.get(value);
    const straight = at !== undefined && places.stageOf.get(places.segments[at] as DraftSegment)?.loop === undefined;
    if (at !== undefined && straight && !readFrom(places, state, at + 1))
      places.segments[at]?.updates.push({ state, value });
    else {
      if (alone && at !== undefined && !names.has(value) && servesWeight(op(values, value)?.origin)) {
        const kept = keep(value);
        names.set(value, kept);
        places.segments[at]?.updates.push({ state: kept, value });
      }
      finish.updates.push({ state, value });
    }
  }
  return { names, states };
}

/** A carry that the session holds: its first value has to be a local. */
function moveCarry(values: FunctionValues, carry: Carry, stage: DraftStage, before: DraftSegment): void {
  for (const id of [carry.init, carry.next]) {
    const { kind } = values.origin(id);
    if (values.isCommon(id) || kind === 'state' || kind === 'input') before.given.push(id);
  }
  stage.begin.push({ from: carry.init, to: carry.id });
  if (carry.next !== carry.id) stage.next.push({ from: carry.next, to: carry.id });
  stage.end.push({ from: carry.id, to: carry.result });
}

/** The segment that may overwrite a carry in place: it makes the next value, and no later segment reads the old one. */
function makerOf(carry: Carry, places: Places, stage: DraftStage): DraftSegment | 'nobody' | undefined {
  if (carry.next === carry.id) return 'nobody';
  const at = places.made.get(carry.next);
  const segment = at === undefined ? undefined : places.segments[at];
  if (at === undefined || !segment || !stage.segments.includes(segment)) return undefined;
  const late = (places.readBy.get(carry.id) ?? []).some(
    (i) => i > at && stage.segments.includes(places.segments[i] as DraftSegment),
  );
  const elsewhere = isRead(places, carry.next, at);
  return late || elsewhere ? undefined : segment;
}

/** The first segment in which a carry's storage no longer holds the state's old value. */
function firstReach(values: FunctionValues, { init }: Carry, places: Places, stage: DraftStage): number {
  const made =
    values.origin(init).kind === 'op' && !isRead(places, init, places.made.get(init))
      ? places.made.get(init)
      : undefined;
  if (made !== undefined) return made + 1;
  return places.segments.indexOf(stage.segments[0] as DraftSegment);
}

function isRead(places: Places, id: string, except: number | undefined): boolean {
  return (places.readBy.get(id) ?? []).some((i) => i !== except);
}

function readFrom(places: Places, id: string, first: number): boolean {
  return (places.readBy.get(id) ?? []).some((i) => i >= first);
}

/** Not a value of samples: a weight on its way, or made of states alone. */
function isHeavy(values: FunctionValues, id: string): boolean {
  return servesWeight(op(values, id)?.origin) || values.isOfStates(id);
}

function op(values: FunctionValues, id: string): Op | undefined {
  const origin = values.origin(id);
  return origin.kind === 'op' ? origin.op : undefined;
}

function placesOf(stages: readonly DraftStage[]): Places {
  const segments = stages.flatMap((s) => s.segments);
  const stageOf = new Map(stages.flatMap((s) => s.segments.map((g) => [g, s] as const)));
  const made = new Map<string, number>();
  const readBy = new Map<string, number[]>();
  segments.forEach(({ ops }, i) => {
    for (const { id, args } of ops) {
      made.set(id, i);
      for (const arg of args) {
        const known = readBy.get(arg);
        if (!known) readBy.set(arg, [i]);
        else if (known.at(-1) !== i) known.push(i);
      }
    }
  });
  return { segments, stageOf, made, readBy };
}
