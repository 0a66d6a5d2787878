/** Numbers that the host works out: whether an expression from a stranger is one. */
import { isScalarFunction } from '../../spec/scalars.ts';

const VARIABLES = ['batch', 'batches', 'tick', 'step'];
const MAX_DEPTH = 500;

/** Whether it is a `ScalarExpr` that can be worked out. */
export function isScalar(expr: unknown, depth = 0): boolean {
  if (typeof expr !== 'object' || expr === null) return typeof expr === 'number' || VARIABLES.includes(String(expr));
  const { op, args } = expr as { readonly op?: unknown; readonly args?: unknown };
  const known = typeof op === 'string' && isScalarFunction(op) && Array.isArray(args);
  return known && depth < MAX_DEPTH && args.every((arg) => isScalar(arg, depth + 1));
}
