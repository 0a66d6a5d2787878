/** A link's definition for given shapes: shared by all links that are alike. */
import type { Expr, Shape } from '../operators/expr.ts';
import type { CallValue, WeightInstance } from './checked.ts';
import type { Fans } from './initializers.ts';

export interface LinkPart {
  readonly body: Expr;
  readonly weights: readonly WeightInstance[];
}

/** A part with what it was made for. */
export interface MadeLink {
  readonly call: CallValue;
  readonly source: Shape;
  readonly target: Shape;
  readonly fans: Fans;
  readonly part: LinkPart;
}
