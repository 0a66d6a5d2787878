/** What a link or a node becomes for given shapes: shared by all that are alike. */
import type { Expr } from '../operators/expr.ts';
import type { Initializer, WeightInstance } from './checked.ts';

export interface LinkPart {
  readonly body: Expr;
  readonly weights: readonly WeightInstance[];
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
