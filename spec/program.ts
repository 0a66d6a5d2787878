/**
 * The tensor program: what a device runs. Operations on named values (single assignment), in blocks that may repeat.
 * It is the contract between the compiler, which makes it, and the runtime, which runs it; `program-text.ts` prints
 * and parses it.
 *
 * All operations of one tick read the values from before the tick: a block's body sees its carries as they were at the
 * start of the iteration, and all of them change together at its end (Jacobi; semantics.md, equation 5).
 */

import type { FunctionRole, OpOrigin } from './names.ts';
import type { Sparsity } from './topologies.ts';

export type Shape = readonly number[];
export type AttributeValue = number | string | boolean | readonly number[];
export type Attributes = Readonly<Record<string, AttributeValue>>;

/** One operation of the primitive table; `constant` (attribute `value`) is the only one without arguments. */
export interface Op {
  /** Name of the value that it makes. */
  readonly id: string;
  readonly op: string;
  readonly args: readonly string[];
  readonly attributes: Attributes;
  readonly shape: Shape;
  readonly origin?: OpOrigin;
  /** Buffer that holds the result; operations whose results are never alive together share one. */
  readonly slot?: number;
}

/** A number that the host works out in f64 before a run: learning rates, bias corrections. */
export type ScalarExpr = number | ScalarVariable | { readonly op: string; readonly args: readonly ScalarExpr[] };
/** Batches before this one, batches of the whole training, tick within the batch, step within the sequence. */
export type ScalarVariable = 'batch' | 'batches' | 'tick' | 'step';

export interface Scalar {
  readonly id: string;
  readonly expr: ScalarExpr;
}

/** A value that goes from one iteration to the next. */
export interface Carry {
  /** Its name inside the body. */
  readonly id: string;
  readonly shape: Shape;
  /** The value from outside that it begins with. */
  readonly init: string;
  /** The value of the body that it becomes. */
  readonly next: string;
  /** Its name after the last iteration. */
  readonly result: string;
}

export interface Block {
  readonly name: string;
  /** How often the body runs; 1 for straight-line blocks. */
  readonly repeat: number;
  /** The variable `tick` in the first iteration. */
  readonly firstTick: number;
  readonly scalars: readonly Scalar[];
  readonly carries: readonly Carry[];
  readonly ops: readonly Op[];
}

export type FieldType = 'u8' | 'i32' | 'f32';

/** A batch of one field of the data; `shape` begins with the batch size. */
export interface Input {
  readonly id: string;
  readonly field: string;
  readonly type: FieldType;
  readonly shape: Shape;
}

export type Initializer =
  | { readonly kind: 'constant'; readonly value: number }
  | { readonly kind: 'uniform'; readonly bound: number }
  | { readonly kind: 'normal'; readonly std: number }
  | { readonly kind: 'identity'; readonly scale: number }
  /** As `of` where a connection of a [target, source] matrix exists, else 0. */
  | { readonly kind: 'thinned'; readonly of: Initializer; readonly sparsity: Sparsity }
  /** 1 where a connection of a [target, source] matrix exists, else 0. */
  | { readonly kind: 'connections'; readonly sparsity: Sparsity }
  /** Rows and then columns of the connections that exist, [2, n] of a [target, source] matrix; -1 where there is none. */
  | { readonly kind: 'entries'; readonly sparsity: Sparsity; readonly matrix: readonly [number, number] }
  /** As that state begins (the whole, where it is a tile): a further place for its values. */
  | { readonly kind: 'copy'; readonly state: string; readonly of: Initializer }
  /** Taken from the training data: the mean by element, or the one scale (`standardize`). */
  | { readonly kind: 'statistic'; readonly field: string; readonly what: 'mean' | 'scale' };

/** A tensor that stays on the device between runs. Its id is its name: `pixels->h1.w`, `pixels->h1.w:m`. */
export interface State {
  readonly id: string;
  readonly shape: Shape;
  readonly role: 'parameter' | 'optimizer' | 'statistic' | 'memory' | 'value' | 'sum';
  /**
   * Drawn from the stream (seed, id), `memory` from (0, id); what delayed links remember is ignored in a sequence's
   * first step; a `value` lives within one batch, is written before it is read, and belongs to no snapshot; a
   * `sum` is what microbatches add up: zero between batches, so it belongs to no snapshot either.
   */
  readonly init: Initializer;
  /**
   * States of equal shape that lie one after the other in this one, along its first axis: the weights of the equal
   * links of an array. Snapshots, and everyone but the device, know the members alone.
   */
  readonly members?: readonly Member[];
  /** Where it is a tile of a larger tensor: snapshots, and the streams that draw it, know the whole alone. */
  readonly slice?: Slice;
}

export interface Slice {
  /** Name and shape of the whole; this state has its elements from `from` on along one axis. */
  readonly of: string;
  readonly shape: Shape;
  readonly axis: number;
  readonly from: number;
  /**
   * Runs of equal length that lie one after the other along the axis: the state has its elements from `from` on of each
   * run. 1 when absent. So the channels of a picture are cut where its values are one row: a run for every place.
   */
  readonly groups?: number;
  /** Where it is cut along a second axis as well (and has no groups): those that it has there begin at `from`. */
  readonly across?: { readonly axis: number; readonly from: number };
}

export interface Member {
  readonly id: string;
  readonly init: Initializer;
}

export interface Update {
  readonly state: string;
  readonly value: string;
}

export interface Result {
  readonly name: string;
  readonly value: string;
  /** Results by these names lie one after the other along the value's first axis; `name` then stands for all. */
  readonly members?: readonly string[];
}

export interface ProgramFunction {
  readonly name: string;
  /** Follows from the name; the text of a program does not repeat it. */
  readonly role: FunctionRole;
  readonly batch: number;
  readonly inputs: readonly Input[];
  readonly blocks: readonly Block[];
  /** State changes, all at once after the last block. */
  readonly updates: readonly Update[];
  readonly results: readonly Result[];
}

export interface Program {
  readonly name: string;
  readonly states: readonly State[];
  readonly functions: readonly ProgramFunction[];
}

/** The states that a state stands for: its members, or itself. */
export function memberStates(state: State): State[] {
  const { members, ...plain } = state;
  if (!members) return [plain];
  return members.map(({ id, init }) => ({ id, shape: state.shape.slice(1), role: state.role, init }));
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((n, i) => n === b[i]);
}

/** Number of elements. */
export function sizeOf(shape: Shape): number {
  let product = 1;
  for (const n of shape) product *= n;
  return product;
}
