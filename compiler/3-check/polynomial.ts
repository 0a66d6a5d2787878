/** How an expression grows with one of its leaves. */
import type { Expr } from '../operators/expr.ts';

/** Operators whose result is linear in their first argument. */
const LINEAR = new Set(['neg', 'sum', 'mean', 'transpose', 'reshape', 'broadcast', 'slice', 'pad']);

/**
 * Degree of the expression as a polynomial in a leaf; infinite where none can be seen. A degree of 1 or less
 * has no minimum: such an energy is only sound while the leaf is clamped.
 */
export function degreeIn(expr: Expr, name: string): number {
  if (expr.kind === 'constant') return 0;
  if (expr.kind === 'leaf') return expr.name === name ? 1 : 0;
  const degrees = expr.args.map((arg) => degreeIn(arg, name));
  const [a = 0, b = 0, c = 0] = degrees;
  const most = Math.max(0, ...degrees);
  if (most === 0) return 0;
  if (LINEAR.has(expr.op)) return a;
  switch (expr.op) {
    case 'add':
    case 'sub':
    case 'concatenate':
      return most;
    case 'mul':
    case 'matmul':
      return a + b;
    case 'square':
      return 2 * a;
    case 'div':
      return b === 0 ? a : Number.POSITIVE_INFINITY;
    case 'select':
      return a === 0 ? Math.max(b, c) : Number.POSITIVE_INFINITY;
    default:
      return Number.POSITIVE_INFINITY;
  }
}
