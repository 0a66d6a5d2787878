/**
 * The values of a function: who makes each, who reads it, what is the same everywhere. A cut looks at a hundred
 * thousand of them again and again, for each of a thousand shards: so values stand for themselves, not their names.
 */
import { servesWeight } from '../../../spec/names.ts';
import type { Carry, Op, Program, ProgramFunction, Result, Scalar, Shape, State } from '../../../spec/program.ts';

/** `carry`: as a loop's body sees it; `carried`: after the loop. */
export type ValueKind = 'state' | 'input' | 'scalar' | 'op' | 'carry' | 'carried';

export interface Value {
  readonly id: string;
  /** Counts the values of a function from 0; operations in their order. */
  readonly index: number;
  readonly kind: ValueKind;
  readonly shape: Shape;
  /** In which it is made, counted from 0; of carries the loop; -1 for states and fields. */
  readonly block: number;
  /** Its arguments, where an operation makes it. */
  readonly args: readonly Value[];
  /** Results of the operations that read it, in order. */
  readonly readers: readonly OpValue[];
  /** Made of constants and host scalars alone: any shard can make it for itself. */
  readonly isCommon: boolean;
  /** Made of states and of what is common alone, memories of a batch's samples aside. */
  readonly isOfStates: boolean;
  readonly op: Op | undefined;
  readonly state: State | undefined;
  readonly scalar: Scalar | undefined;
  readonly carry: CarryValues | undefined;
}

export type OpValue = Value & { readonly op: Op };

export interface CarryValues {
  readonly carry: Carry;
  readonly block: number;
  readonly inside: Value;
  readonly result: Value;
  readonly init: Value;
  readonly next: Value;
}

export interface BlockValues {
  readonly ops: readonly OpValue[];
  readonly carries: readonly CarryValues[];
}

/** A state that takes over a value when a function has run. */
export interface UpdateValues {
  readonly state: Value;
  readonly value: Value;
}

export interface ResultValue {
  readonly result: Result;
  readonly value: Value;
}

export interface FunctionValues {
  readonly f: ProgramFunction;
  readonly count: number;
  readonly blocks: readonly BlockValues[];
  readonly updates: readonly UpdateValues[];
  readonly results: readonly ResultValue[];
}

export function valuesOf(program: Program, f: ProgramFunction): FunctionValues {
  const reader = new Reader(f.name);
  for (const state of program.states) reader.state(state);
  for (const input of f.inputs) reader.define(input.id, { kind: 'input', shape: input.shape });
  const blocks = f.blocks.map((b, block): BlockValues => {
    for (const scalar of b.scalars)
      reader.define(scalar.id, { kind: 'scalar', shape: [], block, scalar, isCommon: true, isOfStates: true });
    const open = b.carries.map((carry) => reader.carry(carry, block));
    const ops = b.ops.map((op) => reader.op(op, block));
    for (const carry of open) carry.next = reader.value(carry.carry.next);
    return { ops, carries: open };
  });
  const updates = f.updates.map(({ state, value }) => ({ state: reader.value(state), value: reader.value(value) }));
  const results = f.results.map((result) => ({ result, value: reader.value(result.value) }));
  return { f, count: reader.count, blocks, updates, results };
}

/** Properties of a value that differ between kinds; the others have defaults. */
type Said = Pick<Value, 'kind' | 'shape'> & Partial<Omit<Value, 'id' | 'index' | 'readers'>>;
type Open<T> = { -readonly [K in keyof T]: T[K] };

const NONE: readonly OpValue[] = [];

/** Goes through a function in its order. */
class Reader {
  count = 0;
  readonly #of: string;
  readonly #values = new Map<string, Open<Value>>();

  constructor(of: string) {
    this.#of = of;
  }

  value(id: string): Open<Value> {
    const found = this.#values.get(id);
    if (!found) throw new Error(`${this.#of}: ${id} is not defined`);
    return found;
  }

  define(id: string, said: Said): Open<Value> {
    // All alike, so that the engine finds every field at the same place.
    const value: Open<Value> = {
      id,
      index: this.count++,
      kind: said.kind,
      shape: said.shape,
      block: said.block ?? -1,
      args: said.args ?? NONE,
      readers: NONE,
      isCommon: said.isCommon ?? false,
      isOfStates: said.isOfStates ?? false,
      op: said.op,
      state: said.state,
      scalar: said.scalar,
      carry: said.carry,
    };
    this.#values.set(id, value);
    return value;
  }

  state(state: State): void {
    this.define(state.id, { kind: 'state', shape: state.shape, state, isOfStates: state.role !== 'memory' });
  }

  /** @returns it without its next value, which the loop's body makes */
  carry(carry: Carry, block: number): Open<CarryValues> {
    const { id, result, shape } = carry;
    const inside = this.define(id, { kind: 'carry', shape, block });
    const after = this.define(result, { kind: 'carried', shape, block });
    const all = { carry, block, inside, result: after, init: this.value(carry.init), next: inside };
    inside.carry = all;
    after.carry = all;
    return all;
  }

  op(op: Op, block: number): OpValue {
    const args = op.args.map((arg) => this.value(arg));
    const isCommon = args.every((arg) => arg.isCommon);
    const isOfStates = isCommon || args.every((arg) => arg.isOfStates);
    const made = this.define(op.id, { kind: 'op', shape: op.shape, block, args, isCommon, isOfStates, op }) as OpValue;
    for (const arg of args)
      if (arg.readers === NONE) arg.readers = [made];
      else if (arg.readers.at(-1) !== made) (arg.readers as OpValue[]).push(made);
    return made;
  }
}

/** Whether a carry is a weight, or an optimiser's state, that moves from tick to tick. */
export function isWeight({ init }: CarryValues): boolean {
  if (init.state) return init.state.role === 'parameter' || init.state.role === 'optimizer';
  return init.op !== undefined && servesWeight(init.op.origin);
}
