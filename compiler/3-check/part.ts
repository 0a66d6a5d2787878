/** What a link or a node becomes for given shapes: shared by all that are alike. */
import type { Expr, Shape } from '../operators/expr.ts';
import type { CallValue, Initializer, WeightInstance } from './checked.ts';
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

export interface NodePart {
  readonly activation: Expr;
  readonly energy: Expr;
  readonly energyKind: string;
  readonly clampedOnly: boolean;
  readonly weights: readonly WeightInstance[];
  readonly start: Initializer;
  readonly prior: 'zero' | 'none';
}
