/**
 * Typed expressions over the primitive operators: what a link's `predict`, a node's `energy`, a clamp or a read is
 * after checking. Shapes are per sample: the batch axis is added when the expression is lowered to a program.
 */
import type { Attributes, Shape } from '../../spec/program.ts';
import { ShapeError } from './operator.ts';
import { type OperatorName, operators } from './table.ts';

export type { Attributes, AttributeValue, Shape } from '../../spec/program.ts';
export { sizeOf } from '../../spec/program.ts';

export type Expr =
  | { readonly kind: 'constant'; readonly value: number; readonly shape: Shape }
  /**
   * A value from outside: `source`, `target` shapes have no leaf; links read `source` (already through the source
   * node's activation), nodes read `z` and `mu`, both read their weights by name; clamps read `sample.FIELD`
   * (predict tasks `input.FIELD`, the same leaf name `sample.FIELD`), reads read `node:NAME`; rates and optimisers
   * read `weight`, `gradient`, `rate`, `step`, `progress` and their states.
   */
  | { readonly kind: 'leaf'; readonly name: string; readonly shape: Shape; readonly batched: boolean }
  | {
      readonly kind: 'apply';
      readonly op: OperatorName;
      readonly args: readonly Expr[];
      readonly attributes: Attributes;
      readonly shape: Shape;
    };

export function constant(value: number): Expr {
  return { kind: 'constant', value, shape: [] };
}

export function leaf(name: string, shape: Shape, batched = true): Expr {
  return { kind: 'leaf', name, shape, batched };
}

/** Whether any part of the expression differs from sample to sample. */
export function isBatched(expr: Expr): boolean {
  if (expr.kind === 'constant') return false;
  if (expr.kind === 'leaf') return expr.batched;
  return expr.args.some(isBatched);
}

/** Applies an operator to typed expressions. @throws ShapeError when the shapes cannot meet */
export function apply(op: OperatorName, args: readonly Expr[], attributes: Attributes = {}): Expr {
  const row = operators[op];
  if (row.shared?.some((i) => args[i] && isBatched(args[i])))
    throw new ShapeError(`the weights of \`${op}\` are the same for all samples; here they depend on the sample`);
  const shape = row.shape(
    args.map((a) => a.shape),
    attributes,
  );
  return { kind: 'apply', op, args, attributes, shape };
}
