/**
 * Values that each shard makes, and those that it needs of others. A value that a shard could as well make for itself
 * from what it has, for no more bytes, it makes for itself: then errors are computed on both sides of a border, and a
 * tick waits for its neighbours once instead of twice.
 */
import { servesWeight } from '../../../spec/names.ts';
import { type Op, sizeOf } from '../../../spec/program.ts';
import type { HomeIndex } from './home-index.ts';
import { type Homes, NOWHERE } from './place.ts';
import { ValueSet } from './value-map.ts';
import { type FunctionValues, isWeight, type OpValue, type Value } from './values.ts';

/** One shard's part of a function. */
export interface ShardPart {
  readonly shard: number;
  /** Operations by block, in the program's order; common ones are not listed. */
  readonly ops: readonly (readonly OpValue[])[];
  /**
   * Values of other shards that it reads, each once, by the block in which each is made (carries: that of the loop).
   */
  readonly needs: readonly Value[];
  /**
   * What stands in for values of nodes of other shards where these are absent: what each begins its ticks with, as far as
   * this shard has it. A node that is held there has no error.
   */
  readonly stands: ReadonlyMap<Value, Value>;
}

/** More operations than this are not repeated to save a message's delay. */
const MAX_REPEATED = 48;

/**
 * @param wanted values that a shard has to have whatever its operations read: carries, updates, results
 * @param mayBeAbsent whether shards go on without others
 */
export function partsOf(
  values: FunctionValues,
  homes: Homes,
  index: HomeIndex,
  shards: number,
  wanted: readonly (readonly Value[])[],
  mayBeAbsent: boolean,
): ShardPart[] {
  const own: OpValue[][][] = Array.from({ length: shards }, () => values.blocks.map(() => []));
  values.blocks.forEach(({ ops }, i) => {
    for (const op of ops) own[homes.of(op)]?.[i]?.push(op);
  });
  const isHad = new ValueSet(values.count);
  const repeats = new Repeats(values);
  return own.map((ops, shard) => {
    isHad.clear();
    // A value without a shard is available on all: a constant, a field, a state.
    const has = (value: Value): boolean => {
      const home = homes.of(value);
      return home === shard || home === NOWHERE || value.isCommon || isHad.has(value);
    };
    const had = { has, add: (value: Value) => isHad.add(value) };
    return completePart(values, index, repeats, had, { shard, own: ops, wanted: wanted[shard] ?? [], mayBeAbsent });
  });
}

/** Values that a shard makes or is told. */
interface Had {
  has(value: Value): boolean;
  add(value: Value): void;
}

/** Of a shard, before it is known what it makes again. */
interface Begun {
  readonly shard: number;
  readonly own: readonly (readonly OpValue[])[];
  readonly wanted: readonly Value[];
  readonly mayBeAbsent: boolean;
}

function completePart(
  values: FunctionValues,
  index: HomeIndex,
  repeats: Repeats,
  had: Had,
  { shard, own, wanted, mayBeAbsent }: Begun,
): ShardPart {
  const needs: Value[] = [];
  const again: OpValue[][] = own.map(() => []);
  const need = (value: Value): void => {
    if (had.has(value)) return;
    had.add(value);
    needs.push(value);
  };
  const make = (ops: readonly OpValue[]): void => {
    for (const op of ops) {
      had.add(op);
      again[op.block]?.push(op);
    }
  };
  const obtain = (value: Value, block: number): void => {
    if (had.has(value)) return;
    const plan = repeats.plan(value, block, had);
    if (plan === undefined) need(value);
    else {
      make(plan.ops);
      for (const leaf of plan.leaves) need(leaf);
    }
  };
  values.blocks.forEach((_, i) => {
    for (const op of own[i] ?? []) for (const arg of op.args) obtain(arg, i);
    for (const { init, next } of index.carries(shard, i)) {
      need(init);
      need(next);
    }
  });
  for (const value of wanted) need(value);
  const stands = new Map<Value, Value>();
  for (const value of mayBeAbsent ? needs : []) {
    const begin = value.carry?.init;
    if (!begin || begin.isCommon || begin.kind !== 'op') continue;
    const plan = had.has(begin) ? undefined : repeats.plan(begin, begin.block, had);
    if (plan?.leaves.length === 0) make(plan.ops);
    if (had.has(begin)) stands.set(value, begin);
  }
  return { shard, ops: own.map((list, i) => inOrder(list, again[i] ?? [])), needs, stands };
}

function inOrder(own: readonly OpValue[], again: readonly OpValue[]): readonly OpValue[] {
  return again.length > 0 ? [...own, ...again].sort((a, b) => a.index - b.index) : own;
}

interface Repetition {
  readonly ops: readonly OpValue[];
  readonly leaves: readonly Value[];
}

/** How shards make values for themselves that others make too. */
class Repeats {
  readonly #values: FunctionValues;
  readonly #private: Map<Value, boolean> = new Map();

  constructor(values: FunctionValues) {
    this.#values = values;
  }

  /**
   * How a shard makes a value of a block for itself: operations of this block, and what they need from elsewhere. Where
   * making it costs more bytes than the value it is at least put together, of tiles that come from where each is made
   * and not all through the one shard that puts them together too. Undefined where that does not help.
   */
  plan(value: Value, block: number, had: Had): Repetition | undefined {
    if (value.kind !== 'op' || value.block !== block || !this.#may(value as OpValue)) return undefined;
    const together = (op: OpValue): boolean => (op.op.op === 'concatenate' || op.op.op === 'reshape') && this.#may(op);
    const repeat = this.#values.f.blocks[block]?.repeat ?? 1;
    return (
      repetition(value, block, repeat, had, (op) => this.#may(op)) ?? repetition(value, block, repeat, had, together)
    );
  }

  #may(op: OpValue): boolean {
    const known = this.#private.get(op);
    if (known !== undefined) return !known;
    const found = isPrivate(op);
    this.#private.set(op, found);
    return !found;
  }
}

/** @param may whether an operation is done again; what others make is needed */
function repetition(
  wanted: Value,
  block: number,
  repeat: number,
  had: Had,
  may: (op: OpValue) => boolean,
): Repetition | undefined {
  const ops = new Set<OpValue>();
  const leaves = new Set<Value>();
  const most = sizeOf(wanted.shape) * repeat;
  let size = 0;
  const visit = (value: Value): boolean => {
    if (had.has(value) || ops.has(value as OpValue) || leaves.has(value)) return true;
    const inside = (value.kind === 'op' || value.kind === 'carry') && value.block === block;
    if (inside && value.kind === 'op' && may(value as OpValue)) {
      if (ops.size >= MAX_REPEATED) return false;
      ops.add(value as OpValue);
      return value.args.every(visit);
    }
    leaves.add(value);
    size += sizeOf(value.shape) * (inside ? repeat : 1);
    return size <= most;
  };
  return visit(wanted) && ops.has(wanted as OpValue) ? { ops: [...ops], leaves: [...leaves] } : undefined;
}

/** Work that is done once, and what reads the states or the data of one shard. */
function isPrivate({ op, args }: OpValue): boolean {
  return isProduct(op) || args.some(isOfOneShard);
}

function isProduct({ op }: Op): boolean {
  return op === 'matmul' || op.startsWith('conv');
}

function isOfOneShard({ kind, carry, op }: Value): boolean {
  if (kind === 'carry' && carry) return isWeight(carry);
  return kind === 'state' || kind === 'input' || (op !== undefined && servesWeight(op.origin));
}
