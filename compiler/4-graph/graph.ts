/**
 * The PC graph: nodes with energies, links with bodies, clusters expanded, parameters fixed. Names are identities, so
 * an edit of the model keeps the checkpoints of what it did not touch.
 */
import type { Initializer, Sparsity, WeightInstance } from '../3-check/checked.ts';
import type { Expr, Shape } from '../operators/expr.ts';

export interface GraphNode {
  readonly name: string;
  readonly role: 'node' | 'sense';
  /** Per sample. */
  readonly shape: Shape;
  /** Samples per second of a sense. */
  readonly rate?: number;
  /** f of convention A, an expression of leaf `z`. */
  readonly activation: Expr;
  /** Of leaves `z`, `mu` and the node's weights; summed over its elements it is the node's energy (equation 2). */
  readonly energy: Expr;
  readonly energyKind: string;
  /** Linear in z, so only sound while clamped. */
  readonly clampedOnly: boolean;
  readonly weights: readonly WeightInstance[];
  readonly start: Initializer;
  readonly prior: 'zero' | 'none';
}

export interface GraphLink {
  readonly name: string;
  readonly source: string;
  readonly target: string;
  /** In steps of a sequence. */
  readonly delay: number;
  /** Of leaf `source`, which is f(z) of the source, and the link's weights. */
  readonly body: Expr;
  readonly weights: readonly WeightInstance[];
  /** Which connections of one weight exist; all when absent. */
  readonly sparsity?: Sparsity;
  /** Its prediction adds to no other link's: the target has an error, and an energy, from it alone. */
  readonly apart?: true;
}

export interface Graph {
  readonly name: string;
  readonly nodes: readonly GraphNode[];
  readonly links: readonly GraphLink[];
}
