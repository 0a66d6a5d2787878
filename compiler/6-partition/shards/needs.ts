/**
 * What each shard makes, and what it needs of others. A value that a shard could as well make for itself from what it
 * has, for no more bytes, it makes for itself: then errors are computed on both sides of a border, and a tick waits for
 * its neighbours once instead of twice.
 */
import { servesWeight } from '../../../spec/names.ts';
import type { Op } from '../../../spec/program.ts';
import type { HomeIndex } from './home-index.ts';
import type { Homes } from './place.ts';
import { type FunctionValues, isWeight } from './values.ts';

/** One shard's part of a function. */
export interface ShardPart {
  readonly shard: number;
  /** Operations by block, in the program's order; common ones are not listed. */
  readonly ops: readonly (readonly Op[])[];
  /** Values of other shards that it reads, by the block in which each is made (carries: the block of the loop). */
  readonly needs: ReadonlySet<string>;
}

/** More operations than this are not repeated to save a message's delay. */
const MAX_REPEATED = 48;

/** @param wanted values that a shard has to have whatever its operations read: carries, updates, results */
export function partsOf(
  values: FunctionValues,
  homes: Homes,
  index: HomeIndex,
  shards: number,
  wanted: ReadonlyMap<number, readonly string[]>,
): ShardPart[] {
  const own: Op[][][] = Array.from({ length: shards }, () => values.f.blocks.map(() => []));
  values.f.blocks.forEach((block, i) => {
    for (const op of block.ops) {
      const home = homes.of(op.id);
      if (home !== undefined) own[home]?.[i]?.push(op);
    }
  });
  const away = homesOfMade(values, homes);
  return own.map((ops, shard) => completePart(values, index, away, shard, ops, wanted.get(shard) ?? []));
}

/** Shards of all values that a shard either makes or is told of: all but constants, fields and states. */
function homesOfMade(values: FunctionValues, homes: Homes): ReadonlyMap<string, number> {
  const made = new Map<string, number>();
  const note = (id: string): void => {
    const home = homes.of(id);
    if (home !== undefined && !values.isCommon(id)) made.set(id, home);
  };
  for (const block of values.f.blocks) {
    for (const { id } of block.ops) note(id);
    for (const { id, result } of block.carries) for (const name of [id, result]) note(name);
  }
  return made;
}

function completePart(
  values: FunctionValues,
  index: HomeIndex,
  made: ReadonlyMap<string, number>,
  shard: number,
  own: readonly (readonly Op[])[],
  wanted: readonly string[],
): ShardPart {
  const needs = new Set<string>();
  const repeated = new Map<string, Op>();
  const has = (id: string): boolean => (made.get(id) ?? shard) === shard || repeated.has(id) || needs.has(id);
  const obtain = (id: string, block: number): void => {
    if (has(id)) return;
    const plan = repeatable(values, id, block, has);
    if (plan === undefined) needs.add(id);
    else {
      for (const op of plan.ops) repeated.set(op.id, op);
      for (const leaf of plan.leaves) needs.add(leaf);
    }
  };
  values.f.blocks.forEach((_, i) => {
    for (const op of own[i] ?? []) for (const arg of op.args) obtain(arg, i);
    for (const carry of index.carries(shard, i)) for (const id of [carry.init, carry.next]) if (!has(id)) needs.add(id);
  });
  for (const id of wanted) if (!has(id)) needs.add(id);
  const again: Op[][] = own.map(() => []);
  for (const op of repeated.values()) {
    const origin = values.origin(op.id);
    if (origin.kind === 'op') again[origin.block]?.push(op);
  }
  return { shard, ops: own.map((list, i) => inOrder(values, list, again[i] ?? [])), needs };
}

function inOrder(values: FunctionValues, own: readonly Op[], again: readonly Op[]): readonly Op[] {
  return again.length > 0 ? [...own, ...again].sort((a, b) => values.place(a) - values.place(b)) : own;
}

interface Repetition {
  readonly ops: readonly Op[];
  readonly leaves: readonly string[];
}

/**
 * How a shard makes a value of a block for itself: operations of this block, and what they need from elsewhere. Where
 * making it costs more bytes than the value it is at least put together, of tiles that come from where each is made and
 * not all through the one shard that puts them together too. Undefined where that does not help.
 */
function repeatable(
  values: FunctionValues,
  id: string,
  block: number,
  has: (id: string) => boolean,
): Repetition | undefined {
  const origin = values.origin(id);
  if (origin.kind !== 'op' || origin.block !== block) return undefined;
  const may = (op: Op): boolean => !isPrivate(values, op);
  const together = (op: Op): boolean => (op.op === 'concatenate' || op.op === 'reshape') && may(op);
  return repetition(values, id, block, has, may) ?? repetition(values, id, block, has, together);
}

/** @param may whether an operation is done again; what others make is needed */
function repetition(
  values: FunctionValues,
  id: string,
  block: number,
  has: (id: string) => boolean,
  may: (op: Op) => boolean,
): Repetition | undefined {
  const repeat = values.f.blocks[block]?.repeat ?? 1;
  const ops = new Map<string, Op>();
  const leaves = new Set<string>();
  let bytes = 0;
  const visit = (value: string): boolean => {
    if (has(value) || ops.has(value) || leaves.has(value)) return true;
    const origin = values.origin(value);
    const inside = (origin.kind === 'op' || origin.kind === 'carry') && origin.block === block;
    if (origin.kind === 'op' && inside && may(origin.op)) {
      if (ops.size >= MAX_REPEATED) return false;
      ops.set(value, origin.op);
      return origin.op.args.every(visit);
    }
    leaves.add(value);
    bytes += values.size(value) * (inside ? repeat : 1);
    return bytes <= values.size(id) * repeat;
  };
  return visit(id) && ops.has(id) ? { ops: [...ops.values()], leaves: [...leaves] } : undefined;
}

/** Work that is done once, and what reads the states or the data of one shard. */
function isPrivate(values: FunctionValues, op: Op): boolean {
  if (op.op === 'matmul' || op.op.startsWith('conv')) return true;
  return op.args.some((a) => {
    const origin = values.origin(a);
    if (origin.kind === 'carry') return isWeight(values, origin.carry);
    if (origin.kind === 'op' && servesWeight(origin.op.origin)) return true;
    return origin.kind === 'state' || origin.kind === 'input';
  });
}
