/**
 * Which shard makes which value. Operations go with the node or link that they serve; sums go to who needs them, so
 * that what several shards contribute meets where it is used.
 */
import { type OpOrigin, servesLink } from '../../../spec/names.ts';
import type { Assignment, Owners } from './owners.ts';
import { type FunctionValues, isWeight, type OpValue, type Value } from './values.ts';

/** No shard: of values that are common, and of statistics of the data. */
export const NOWHERE = -1;

/** Shards of operations, carries (inside and after the loop) and states. */
export interface Homes {
  of(value: Value): number;
  ofState(value: Value): number;
}

type Place = (value: Value) => number;

export function placeValues(values: FunctionValues, owners: Owners, assignment: Assignment): Homes {
  const homes = new Int32Array(values.count).fill(NOWHERE);
  const ofState = stateHomes(values, owners, assignment);
  const ofOrigin = originHomes(owners, assignment);
  const isFixed = new Uint8Array(values.count);
  for (const { ops } of values.blocks)
    for (const op of ops) {
      if (op.isCommon) continue;
      const bound = stateHome(op, ofState);
      homes[op.index] = bound === NOWHERE ? ofOrigin(op.op.origin) : bound;
      if (bound !== NOWHERE) isFixed[op.index] = 1;
    }
  placeRest(values, homes);
  placeCarries(values, homes, ofState);
  moveSums(values, homes, isFixed);
  placeCarries(values, homes, ofState);
  return { of: ({ index }) => homes[index] as number, ofState };
}

/** Each owner is asked for once. */
function stateHomes({ count }: FunctionValues, owners: Owners, assignment: Assignment): Place {
  const unknown = -2;
  const known = new Int32Array(count).fill(unknown);
  return ({ index, state }) => {
    if (!state) return NOWHERE;
    const before = known[index] as number;
    if (before !== unknown) return before;
    const owner = owners.ofState(state);
    const home = (owner === undefined ? undefined : assignment.get(owner)) ?? NOWHERE;
    known[index] = home;
    return home;
  };
}

function originHomes(owners: Owners, assignment: Assignment): (origin: OpOrigin | undefined) => number {
  const known = new Map<OpOrigin, number>();
  return (origin) => {
    if (origin === undefined) return NOWHERE;
    const before = known.get(origin);
    if (before !== undefined) return before;
    const owner = owners.ofOrigin(origin);
    const home = (owner === undefined ? undefined : assignment.get(owner)) ?? NOWHERE;
    known.set(origin, home);
    return home;
  };
}

/**
 * Operations that read weights are placed with the weights, also while those move from tick to tick. Values of nodes
 * that move are sent to their readers, whatever state they begin with.
 */
function stateHome({ args }: Value, ofState: Place): number {
  for (const arg of args) {
    const home = ofState(arg);
    if (home !== NOWHERE) return home;
  }
  for (const { carry } of args) {
    const home = carry && isWeight(carry) ? ofState(carry.init) : NOWHERE;
    if (home !== NOWHERE) return home;
  }
  return NOWHERE;
}

/** Operations without an owner go where they are used, else where their arguments are. */
function placeRest(values: FunctionValues, homes: Int32Array): void {
  for (const { ops } of values.blocks.toReversed())
    for (const op of ops.toReversed()) {
      if (homes[op.index] !== NOWHERE || op.isCommon) continue;
      const used = firstHome(homes, op.readers);
      const home = used === NOWHERE ? firstHome(homes, op.args) : used;
      homes[op.index] = home === NOWHERE ? 0 : home;
    }
}

function firstHome(homes: Int32Array, values: readonly Value[]): number {
  for (const { index } of values) if (homes[index] !== NOWHERE) return homes[index] as number;
  return NOWHERE;
}

/** A sum of values from several shards is made where it is used; one of values from one shard, where they are. */
function moveSums(values: FunctionValues, homes: Int32Array, isFixed: Uint8Array): void {
  for (const { ops } of values.blocks.toReversed())
    for (const sum of ops.toReversed()) {
      const { op, index } = sum;
      if ((op.op !== 'add' && op.op !== 'sub') || isFixed[index] || homes[index] === NOWHERE) continue;
      // What serves a node is at home there; what serves a weight has the weight's size.
      if (op.origin !== undefined && !servesLink(op.origin)) continue;
      if (sum.args.some((a) => a.kind === 'input')) continue;
      const home = homeOfSum(sum, homes);
      if (home !== NOWHERE) homes[index] = home;
    }
}

function homeOfSum({ args, readers }: OpValue, homes: Int32Array): number {
  const made = firstHome(homes, args);
  const several = args.some(({ index }) => homes[index] !== NOWHERE && homes[index] !== made);
  return several ? firstHome(homes, readers) : made;
}

/** A carry lives where its next value is made. */
function placeCarries(values: FunctionValues, homes: Int32Array, ofState: Place): void {
  const orElse = (home: number, other: () => number): number => (home === NOWHERE ? other() : home);
  for (const { carries } of values.blocks)
    for (const { inside, result, init, next } of carries) {
      const made = orElse(ofState(init), () => firstHome(homes, [next, init]));
      const home = orElse(made, () => firstHome(homes, [...inside.readers, ...result.readers]));
      for (const { index } of [inside, result]) homes[index] = home === NOWHERE ? 0 : home;
    }
}
