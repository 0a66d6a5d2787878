/** One row per primitive operator. Everything the compiler knows about an operator starts here. */
import { chanceOperators } from './chance.ts';
import { convolutionOperators } from './convolution.ts';
import { elementwiseOperators } from './elementwise.ts';
import { indexingOperators } from './indexing.ts';
import { layoutOperators } from './layout.ts';
import type { Operator } from './operator.ts';
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
