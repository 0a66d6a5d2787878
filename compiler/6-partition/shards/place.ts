/**
 * Which shard makes which value. Operations go with the node or link that they serve; sums go to who needs them, so
 * that what several shards contribute meets where it is used.
 */
import { servesLink } from '../../../spec/names.ts';
import type { Op, State } from '../../../spec/program.ts';
import type { Assignment, Owners } from './owners.ts';
import { type FunctionValues, isWeight } from './values.ts';

/** Shards of operations, carries (inside and after the loop) and states; values that are common have none. */
export interface Homes {
  of(id: string): number | undefined;
  /** Undefined for statistics of the data. */
  ofState(state: State): number | undefined;
}

export function placeValues(values: FunctionValues, owners: Owners, assignment: Assignment): Homes {
  const homes = new Map<string, number>();
  const stateHomes = new Map<State, number | undefined>();
  const ofState = (state: State): number | undefined => {
    if (stateHomes.has(state)) return stateHomes.get(state);
    const owner = owners.ofState(state);
    const home = owner === undefined ? undefined : assignment.get(owner);
    stateHomes.set(state, home);
    return home;
  };
  const fixed = new Set<string>();
  for (const block of values.f.blocks)
    for (const op of block.ops) {
      if (values.isCommon(op.id)) continue;
      const bound = stateHome(op, values, ofState);
      const owner = owners.ofOrigin(op.origin);
      const home = bound ?? (owner === undefined ? undefined : assignment.get(owner));
      if (home !== undefined) homes.set(op.id, home);
      if (bound !== undefined) fixed.add(op.id);
    }
  placeRest(values, homes);
  placeCarries(values, homes, ofState);
  moveSums(values, homes, fixed);
  placeCarries(values, homes, ofState);
  return { of: (id) => homes.get(id), ofState };
}

/**
 * Operations that read weights are placed with the weights, also while those move from tick to tick. Values of nodes
 * that move are sent to their readers, whatever state they begin with.
 */
function stateHome(op: Op, values: FunctionValues, ofState: (state: State) => number | undefined): number | undefined {
  const origins = op.args.map((arg) => values.origin(arg));
  const states = [
    ...origins.map((o) => (o.kind === 'state' ? o.state : undefined)),
    ...origins.map((o) =>
      (o.kind === 'carry' || o.kind === 'carried') && isWeight(values, o.carry)
        ? stateBehind(values, o.carry.init)
        : undefined,
    ),
  ];
  return states.map((state) => state && ofState(state)).find((home) => home !== undefined);
}

/** The state that a carry of weights begins with. */
function stateBehind(values: FunctionValues, id: string): State | undefined {
  const origin = values.origin(id);
  return origin.kind === 'state' ? origin.state : undefined;
}

/** Operations without an owner go where they are used, else where their arguments are. */
function placeRest(values: FunctionValues, homes: Map<string, number>): void {
  for (const block of [...values.f.blocks].reverse())
    for (const op of [...block.ops].reverse()) {
      if (homes.has(op.id) || values.isCommon(op.id)) continue;
      const used = values
        .readers(op.id)
        .map((r) => homes.get(r.id))
        .find((h) => h !== undefined);
      const made = op.args.map((a) => homes.get(a)).find((h) => h !== undefined);
      homes.set(op.id, used ?? made ?? 0);
    }
}

/** A sum of values from several shards is made where it is used; one of values from one shard, where they are. */
function moveSums(values: FunctionValues, homes: Map<string, number>, fixed: ReadonlySet<string>): void {
  for (const block of [...values.f.blocks].reverse())
    for (const op of [...block.ops].reverse()) {
      if ((op.op !== 'add' && op.op !== 'sub') || fixed.has(op.id) || !homes.has(op.id)) continue;
      // What serves a node is at home there; what serves a weight has the weight's size.
      if (op.origin !== undefined && !servesLink(op.origin)) continue;
      if (op.args.some((a) => values.origin(a).kind === 'input')) continue;
      const made = [...new Set(op.args.map((a) => homes.get(a)).filter((h) => h !== undefined))];
      const used = values.readers(op.id).map((r) => homes.get(r.id));
      const home = made.length === 1 ? made[0] : made.length > 1 ? used.find((h) => h !== undefined) : undefined;
      if (home !== undefined) homes.set(op.id, home);
    }
}

/** A carry lives where its next value is made. */
function placeCarries(
  values: FunctionValues,
  homes: Map<string, number>,
  ofState: (state: State) => number | undefined,
): void {
  for (const block of values.f.blocks)
    for (const carry of block.carries) {
      const state = stateBehind(values, carry.init);
      const readers = [carry.id, carry.result].flatMap((id) => values.readers(id).map((r) => homes.get(r.id)));
      const home =
        (state && ofState(state)) ??
        homes.get(carry.next) ??
        homes.get(carry.init) ??
        readers.find((h) => h !== undefined) ??
        0;
      homes.set(carry.id, home);
      homes.set(carry.result, home);
    }
}
