/** One row per primitive operator. Everything the compiler knows about an operator starts here. */
import { elementwiseOperators } from './elementwise.ts';
import type { Attributes, Expr } from './expr.ts';
import { layoutOperators } from './layout.ts';
import type { Operator } from './operator.ts';
import { reductionOperators } from './reduction.ts';

const rows = { ...elementwiseOperators, ...reductionOperators, ...layoutOperators };

export type OperatorName = keyof typeof rows;

export const operators: Readonly<Record<OperatorName, Operator>> = rows;

export function isOperator(name: string): name is OperatorName {
  return Object.hasOwn(rows, name);
}

/** Applies an operator to typed expressions. @throws ShapeError when the shapes cannot meet */
export function apply(op: OperatorName, args: readonly Expr[], attributes: Attributes = {}): Expr {
  const shape = operators[op].shape(
    args.map((a) => a.shape),
    attributes,
  );
  return { kind: 'apply', op, args, attributes, shape };
}
