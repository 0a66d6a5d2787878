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

export class FunctionValues {
  readonly f: ProgramFunction;
  readonly #origins = new Map<string, Origin>();
  readonly #shapes = new Map<string, Shape>();
  /** Operations that read a value, in order. */
  readonly #reading = new Map<string, Op[]>();
  readonly #places = new Map<Op, number>();
  readonly #common = new Map<string, boolean>();

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
    const origin = this.#origins.get(id);
    if (!origin) throw new Error(`${this.f.name}: ${id} is not defined`);
    return origin;
  }

  shape(id: string): Shape {
    const shape = this.#shapes.get(id);
    if (!shape) throw new Error(`${this.f.name}: ${id} is not defined`);
    return shape;
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
    const known = this.#common.get(id);
    if (known !== undefined) return known;
    const origin = this.origin(id);
    const common = origin.kind === 'scalar' || (origin.kind === 'op' && origin.op.args.every((a) => this.isCommon(a)));
    this.#common.set(id, common);
    return common;
  }

  #define(id: string, origin: Origin, shape: Shape): void {
    this.#origins.set(id, origin);
    this.#shapes.set(id, shape);
  }
}

/** Whether a carry is a weight, or an optimiser's state, that moves from tick to tick. */
export function isWeight(values: FunctionValues, { init }: Carry): boolean {
  const origin = values.origin(init);
  if (origin.kind === 'state') return origin.state.role === 'parameter' || origin.state.role === 'optimizer';
  return origin.kind === 'op' && servesWeight(origin.op.origin);
}
