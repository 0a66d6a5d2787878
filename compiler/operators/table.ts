/** One row per primitive operator. Everything the compiler knows about an operator starts here. */
import { chanceOperators } from './chance.ts';
import { convolutionOperators } from './convolution.ts';
import { elementwiseOperators } from './elementwise.ts';
import { type Attributes, type Expr, isBatched } from './expr.ts';
import { indexingOperators } from './indexing.ts';
import { layoutOperators } from './layout.ts';
import { type Operator, ShapeError } from './operator.ts';
import { pageOperators } from './pages.ts';
import { poolingOperators } from './pooling.ts';
import { reductionOperators } from './reduction.ts';
import { sparseOperators } from './sparse.ts';

const rows = {
  ...elementwiseOperators,
  ...reductionOperators,
  ...layoutOperators,
  ...convolutionOperators,
  ...poolingOperators,
  ...indexingOperators,
  ...pageOperators,
  ...sparseOperators,
  ...chanceOperators,
};

export type OperatorName = keyof typeof rows;

export const operators: Readonly<Record<OperatorName, Operator>> = rows;

export function isOperator(name: string): name is OperatorName {
  return Object.hasOwn(rows, name);
}

/** Operators that the language can call by their names. */
export function isCallable(name: string): name is OperatorName {
  return isOperator(name) && operators[name].internal !== true;
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
