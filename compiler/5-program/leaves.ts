/** Finds the leaves that an expression reads. */
import type { Expr } from '../operators/expr.ts';

/** Names of the leaves of an expression. */
export function leavesOf(expr: Expr, found = new Set<string>()): Set<string> {
  if (expr.kind === 'leaf') found.add(expr.name);
  else if (expr.kind === 'apply') for (const a of expr.args) leavesOf(a, found);
  return found;
}
