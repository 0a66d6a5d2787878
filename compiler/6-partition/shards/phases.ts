/**
 * When each shard makes each value. Within a block, a value of phase p is known to its own shard in phase p and to
 * others in phase p + 1. What others wait for is made as early as it can be; all else waits for the last phase (or is
 * work that is done while frames are on their way), where the weights move too, so that no operation of a tick reads a
 * weight that has moved already.
 */
import { append } from '../../../spec/append.ts';
import { inLastPhase, type OwnOps, type PhaseOps, type PlacedMaps, withEarlyWork } from './early-work.ts';
import type { ShardPart } from './needs.ts';
import { type Homes, NOWHERE } from './place.ts';
import { isLoop } from './straight.ts';
import { ValueMap, ValueSet } from './value-map.ts';
import type { FunctionValues, OpValue, Value } from './values.ts';

/** Values that one shard tells another in one phase of a block. */
export interface Telling {
  /** Its number in the plan. */
  readonly id: number;
  readonly block: number;
  readonly from: number;
  readonly to: number;
  /** In which it is sent: behind the sender's operations of this phase. */
  readonly phase: number;
  /** In which the receiver takes it, before its operations of this phase. */
  readonly taken: number;
  /** Known when the block begins: nothing of the phase needs to be done first. */
  readonly early: boolean;
  readonly values: readonly Value[];
}

/** Values that are told, by number, of all shards. */
export type Tellings = Pick<ReadonlyMap<number, Telling>, 'get'>;

export interface Phases {
  /** By shard and block. */
  readonly ops: readonly (readonly PhaseOps[])[];
  readonly tellings: readonly Telling[];
}

/**
 * @param early FLOP that are done while frames are on their way; nothing where none are
 * @param nextId numbers what is told, in its order
 */
export function findPhases(
  values: FunctionValues,
  homes: Homes,
  parts: readonly ShardPart[],
  early: number | undefined,
  nextId: () => number,
): Phases {
  const tellings: Telling[] = [];
  const ops: PhaseOps[][] = parts.map(() => []);
  const told: Value[][][] = values.blocks.map(() => parts.map(() => []));
  for (const { shard, needs } of parts)
    for (const value of needs) {
      const block = toldIn(values, value);
      if (block !== undefined) told[block]?.[shard]?.push(value);
    }
  const { count } = values;
  const map = (): ValueMap<number> => new ValueMap(count);
  const maps: Maps = { urgent: new ValueSet(count), uses: map(), placed: map(), read: map() };
  values.f.blocks.forEach((one, block) => {
    const place = { block, early, isStraight: !isLoop(one) };
    const found = phasesOfBlock(values, homes, parts, place, told[block] ?? [], maps, nextId);
    found.ops.forEach((phases, shard) => {
      ops[shard]?.push(phases);
    });
    // One at a time: hundreds of thousands of arguments are more than a call takes.
    for (const telling of found.tellings) tellings.push(telling);
  });
  return { ops, tellings };
}

/** The block in which others are told of a value; undefined where no later block is straight code. */
export function toldIn({ f }: FunctionValues, { kind, block }: Value): number | undefined {
  if (kind === 'op' || kind === 'carry') return block;
  if (kind !== 'carried') return undefined;
  const next = f.blocks[block + 1];
  return next && next.repeat === 1 && next.carries.length === 0 ? block + 1 : undefined;
}

interface Place {
  readonly block: number;
  readonly early: number | undefined;
  readonly isStraight: boolean;
}

interface Maps extends PlacedMaps {
  readonly urgent: ValueSet;
  readonly uses: ValueMap<number>;
}

function phasesOfBlock(
  values: FunctionValues,
  homes: Homes,
  parts: readonly ShardPart[],
  { block, early, isStraight }: Place,
  told: readonly (readonly Value[])[],
  maps: Maps,
  nextId: () => number,
): { ops: PhaseOps[]; tellings: Telling[] } {
  const phases = new Earliest(values, homes, parts, block, told);
  const tellers = toldBy(homes, parts.length, told);
  const ops = parts.map(({ shard, ops: blocks }) => {
    const own = blocks[block] ?? [];
    const last = phases.last(shard);
    markUrgent(maps.urgent, own, tellers[shard] ?? []);
    const sending = new Set<number>();
    for (const value of tellers[shard] ?? [])
      if (value.kind === 'op' && value.block === block) sending.add(phases.of(shard, value));
    const found: OwnOps = {
      ops: own,
      last,
      isStraight,
      isUrgent: (op) => maps.urgent.has(op),
      phaseOf: (op) => phases.of(shard, op),
      sends: (phase) => sending.has(phase),
    };
    return early === undefined ? inLastPhase(found) : withEarlyWork(found, early, maps);
  });
  return { ops, tellings: tellingsOf(homes, block, { told, phases, ops }, maps.uses, nextId) };
}

/** The phases of a block's operations, in which each shard can make them at the earliest. */
class Earliest {
  readonly #homes: Homes;
  readonly #block: number;
  readonly #told: ValueSet;
  /** By the value's index: where its home makes it. */
  readonly #own: Int32Array;
  /** By shard: of what it makes again for itself. */
  readonly #again: readonly Map<Value, number>[];
  readonly #last: Int32Array;

  constructor(
    values: FunctionValues,
    homes: Homes,
    parts: readonly ShardPart[],
    block: number,
    told: readonly (readonly Value[])[],
  ) {
    this.#homes = homes;
    this.#block = block;
    this.#told = new ValueSet(values.count);
    for (const list of told) for (const value of list) this.#told.add(value);
    this.#own = new Int32Array(values.count);
    this.#again = parts.map(() => new Map());
    this.#last = new Int32Array(parts.length);
    const again = new Map<Value, number[]>();
    for (const { shard, ops } of parts)
      for (const op of ops[block] ?? []) if (homes.of(op) !== shard) append(again, op, shard);
    for (const op of values.blocks[block]?.ops ?? []) {
      const home = homes.of(op);
      if (home !== NOWHERE) this.#own[op.index] = this.#reach(home, op);
      for (const shard of again.get(op) ?? []) this.#again[shard]?.set(op, this.#reach(shard, op));
    }
    told.forEach((list, shard) => {
      for (const value of list) this.#lastReaches(shard, this.#known(shard, value));
    });
  }

  /** In which a shard makes an operation that it makes. */
  of(shard: number, op: Value): number {
    return this.#homes.of(op) === shard ? (this.#own[op.index] as number) : (this.#again[shard]?.get(op) ?? 0);
  }

  /** The last phase of a shard, in which it makes or is told something. */
  last(shard: number): number {
    return this.#last[shard] as number;
  }

  #reach(shard: number, { args }: OpValue): number {
    let phase = 0;
    for (const arg of args) phase = Math.max(phase, this.#known(shard, arg));
    this.#lastReaches(shard, phase);
    return phase;
  }

  #lastReaches(shard: number, phase: number): void {
    this.#last[shard] = Math.max(this.last(shard), phase);
  }

  /** The phase in which a shard knows a value of this block; what is older is always known. */
  #known(shard: number, value: Value): number {
    const home = this.#homes.of(value);
    if (home === shard) return this.#isMadeHere(value) ? (this.#own[value.index] as number) : 0;
    if (home === NOWHERE) return 0;
    const again = this.#again[shard]?.get(value);
    if (again !== undefined) return again;
    if (!this.#told.has(value)) return 0;
    return (this.#isMadeHere(value) ? (this.#own[value.index] as number) : 0) + 1;
  }

  #isMadeHere({ kind, block }: Value): boolean {
    return kind === 'op' && block === this.#block;
  }
}

/** Values that each shard tells others of. */
function toldBy(homes: Homes, shards: number, told: readonly (readonly Value[])[]): Value[][] {
  const tellers: Value[][] = Array.from({ length: shards }, () => []);
  for (const list of told) for (const value of list) tellers[homes.of(value)]?.push(value);
  return tellers;
}

/** Values that a shard has to make early: those that others wait for, and all that they are made of. */
function markUrgent(urgent: ValueSet, own: readonly OpValue[], told: readonly Value[]): void {
  urgent.clear();
  for (const value of told) urgent.add(value);
  for (let i = own.length - 1; i >= 0; i--) {
    const op = own[i] as OpValue;
    if (urgent.has(op)) for (const arg of op.args) urgent.add(arg);
  }
}

interface BlockPhases {
  readonly told: readonly (readonly Value[])[];
  readonly phases: Earliest;
  readonly ops: readonly PhaseOps[];
}

/** There are hundreds of thousands of them: each is made once, and filled. */
interface OpenTelling extends Telling {
  taken: number;
  early: boolean;
  readonly values: Value[];
}

function tellingsOf(
  homes: Homes,
  block: number,
  { told, phases, ops }: BlockPhases,
  uses: ValueMap<number>,
  nextId: () => number,
): Telling[] {
  const all: OpenTelling[] = [];
  told.forEach((list, to) => {
    const groups = new Map<number, OpenTelling>();
    for (const value of list) {
      const from = homes.of(value);
      if (from === NOWHERE) continue;
      const phase = value.kind === 'op' && value.block === block ? phases.of(from, value) : 0;
      const key = phase * told.length + from;
      let group = groups.get(key);
      if (!group) {
        group = { id: nextId(), block, from, to, phase, taken: 0, early: true, values: [] };
        groups.set(key, group);
        all.push(group);
      }
      group.values.push(value);
      if (value.kind === 'op') group.early = false;
    }
    const own = ops[to]?.before ?? [];
    uses.clear();
    if (ops[to]) findFirstUses(uses, ops[to]);
    for (const group of groups.values()) {
      let use = own.length;
      for (const value of group.values) use = Math.min(use, uses.get(value) ?? use);
      group.taken = Math.max(group.phase + 1, Math.min(use, own.length - 1));
    }
  });
  return all;
}

/** The first phase in which a shard reads each value. */
function findFirstUses(uses: ValueMap<number>, { before, after }: PhaseOps): void {
  before.forEach((ops, phase) => {
    for (const list of [ops, after[phase] ?? []])
      for (const { args } of list) for (const arg of args) if (!uses.has(arg)) uses.set(arg, phase);
  });
}
