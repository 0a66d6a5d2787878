/** The value of a typed expression for one sample, by the operators' own references in f64. */
import type { Expr } from '../../compiler/operators/expr.ts';
import type { ReferenceTensor } from '../../compiler/operators/operator.ts';
import { operators } from '../../compiler/operators/table.ts';

export function tensorOf(shape: readonly number[], data: readonly number[]): ReferenceTensor {
  return { shape, data: Float64Array.from(data) };
}

export function evaluateExpr(expr: Expr, leaves: Readonly<Record<string, ReferenceTensor | number>>): ReferenceTensor {
  if (expr.kind === 'constant') return tensorOf([], [expr.value]);
  if (expr.kind === 'leaf') {
    const value = leaves[expr.name];
    if (value === undefined) throw new Error(`no value for ${expr.name}`);
    return typeof value === 'number' ? tensorOf([], [value]) : value;
  }
  const args = expr.args.map((arg) => evaluateExpr(arg, leaves));
  return { shape: expr.shape, data: operators[expr.op].reference(args, expr.attributes, expr.shape) };
}

export function numbers(expr: Expr, leaves: Readonly<Record<string, ReferenceTensor | number>> = {}): number[] {
  return [...evaluateExpr(expr, leaves).data];
}
