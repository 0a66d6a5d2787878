/** What a function's values are: who makes each, who reads it, what is the same everywhere. */

import { append } from '../../../spec/append.ts';
import { servesWeight } from '../../../spec/names.ts';
import {
  type Carry,
  type Op,
  type Program,
  type ProgramFunction,
  type Scalar,
  type Shape,
  type State,
  sizeOf,
} from '../../../spec/program.ts';

/** Where a value comes from. Blocks are counted from 0. */
export type Origin =
  | { readonly kind: 'state'; readonly state: State }
  | { readonly kind: 'input' }
  | { readonly kind: 'scalar'; readonly scalar: Scalar; readonly block: number }
  | { readonly kind: 'op'; readonly op: Op; readonly block: number }
  /** As a loop's body sees it. */
  | { readonly kind: 'carry'; readonly carry: Carry; readonly block: number }
  /** After the loop. */
  | { readonly kind: 'carried'; readonly carry: Carry; readonly block: number };

/** What is known of one value; there are a hundred thousand, and each is looked up often. */
interface Entry {
  readonly origin: Origin;
  readonly shape: Shape;
  /** Found when it is asked for. */
  common?: boolean;
  ofStates?: boolean;
}

export class FunctionValues {
  readonly f: ProgramFunction;
  readonly #entries = new Map<string, Entry>();
  /** Operations that read a value, in order. */
  readonly #reading = new Map<string, Op[]>();
  readonly #places = new Map<Op, number>();

  constructor(program: Program, f: ProgramFunction) {
    this.f = f;
    for (const state of program.states) this.#define(state.id, { kind: 'state', state }, state.shape);
    for (const input of f.inputs) this.#define(input.id, { kind: 'input' }, input.shape);
    f.blocks.forEach((b, block) => {
      for (const scalar of b.scalars) this.#define(scalar.id, { kind: 'scalar', scalar, block }, []);
      for (const carry of b.carries) {
        this.#define(carry.id, { kind: 'carry', carry, block }, carry.shape);
        this.#define(carry.result, { kind: 'carried', carry, block }, carry.shape);
      }
      for (const op of b.ops) {
        this.#define(op.id, { kind: 'op', op, block }, op.shape);
        this.#places.set(op, this.#places.size);
        for (const arg of new Set(op.args)) append(this.#reading, arg, op);
      }
    });
  }

  origin(id: string): Origin {
    return this.#entry(id).origin;
  }

  shape(id: string): Shape {
    return this.#entry(id).shape;
  }

  size(id: string): number {
    return sizeOf(this.shape(id));
  }

  readers(id: string): readonly Op[] {
    return this.#reading.get(id) ?? [];
  }

  /** Where an operation stands among all of the function. */
  place(op: Op): number {
    return this.#places.get(op) ?? 0;
  }

  /** Made of constants and host scalars alone: any shard can make it for itself. */
  isCommon(id: string): boolean {
    const entry = this.#entry(id);
    const { origin } = entry;
    entry.common ??=
      origin.kind === 'scalar' || (origin.kind === 'op' && origin.op.args.every((a) => this.isCommon(a)));
    return entry.common;
  }

  /** Made of states and of what is common alone, memories of a batch's samples aside. */
  isOfStates(id: string): boolean {
    const entry = this.#entry(id);
    const { origin } = entry;
    if (origin.kind === 'state') return origin.state.role !== 'memory';
    entry.ofStates ??= this.isCommon(id) || (origin.kind === 'op' && origin.op.args.every((a) => this.isOfStates(a)));
    return entry.ofStates;
  }

  #entry(id: string): Entry {
    const entry = this.#entries.get(id);
    if (!entry) throw new Error(`${this.f.name}: ${id} is not defined`);
    return entry;
  }

  #define(id: string, origin: Origin, shape: Shape): void {
    this.#entries.set(id, { origin, shape });
  }
}

/** Whether a carry is a weight, or an optimiser's state, that moves from tick to tick. */
export function isWeight(values: FunctionValues, { init }: Carry): boolean {
  const origin = values.origin(init);
  if (origin.kind === 'state') return origin.state.role === 'parameter' || origin.state.role === 'optimizer';
  return origin.kind === 'op' && servesWeight(origin.op.origin);
}
