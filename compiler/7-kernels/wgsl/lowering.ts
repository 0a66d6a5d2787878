/** Form of a row in the WGSL column of the operator table. */
import type { Attributes, Op, Shape } from '../../../spec/program.ts';
import type { FlatOp } from './flat.ts';
import type { ModuleWriter } from './writer.ts';

/** Where an element of a result is written down: lines go to `w`, arguments are read by their linear place. */
export interface Place {
  readonly w: ModuleWriter;
  readonly op: FlatOp;
  /** Linear place of the element in the result. */
  readonly at: string;
  load(argument: number, at: string): string;
}

export type Combine = 'sum' | 'mean' | 'max' | 'argmax';

export interface Reduction {
  readonly combine: Combine;
  /** How many terms an element of the result has. */
  readonly count: number;
  /** The divisor of a mean; `count` when absent. */
  readonly divisor?: number;
  /** Neighbouring results read neighbouring elements for the same term. */
  readonly byColumns: boolean;
  /** Term `r` of the element, an expression. */
  readonly term: (place: Place, r: string) => string;
}

/** Makes operations: what `softmax` is in simpler ones. The last one made is the result. */
export interface Rewrite {
  op(name: string, args: readonly string[], attributes: Attributes, shape: Shape): string;
  constant(value: number): string;
  shapeOf(id: string): Shape;
}

export type WgslLowering =
  /** Element by element: an expression of its arguments. */
  | { readonly kind: 'elementwise'; readonly write: (args: readonly string[], op: FlatOp, w: ModuleWriter) => string }
  /** Each element is one of the arguments' elements, or a number. `claims`: each argument is read only once. */
  | { readonly kind: 'gather'; readonly claims: boolean; readonly write: (place: Place) => string }
  /** Each element is put together from many terms. */
  | { readonly kind: 'reduction'; readonly claims: boolean; readonly plan: (op: FlatOp) => Reduction }
  | { readonly kind: 'product' }
  /** Two elements of the argument as one word, in half precision. */
  | { readonly kind: 'pack' }
  /** The same elements in the same order, or repeated. */
  | { readonly kind: 'view' }
  | { readonly kind: 'rewrite'; readonly write: (op: Op, emit: Rewrite) => string };
