/** Evaluates host scalars (learning rates, bias corrections) in f64, the same on every device. */
import type { ScalarExpr, ScalarVariable } from './program.ts';

/** `step` is 0 where there is no sequence. */
export type ScalarScope = Readonly<Record<Exclude<ScalarVariable, 'step'>, number>> & { readonly step?: number };

const functions: Readonly<Record<string, (...args: number[]) => number>> = {
  add: (a = 0, b = 0) => a + b,
  sub: (a = 0, b = 0) => a - b,
  mul: (a = 0, b = 0) => a * b,
  div: (a = 0, b = 0) => a / b,
  mod: (a = 0, b = 0) => a - b * Math.floor(a / b),
  pow: (a = 0, b = 0) => a ** b,
  max: (a = 0, b = 0) => Math.max(a, b),
  min: (a = 0, b = 0) => Math.min(a, b),
  neg: (a = 0) => -a,
  exp: (a = 0) => Math.exp(a),
  log: (a = 0) => Math.log(a),
  sqrt: (a = 0) => Math.sqrt(a),
  square: (a = 0) => a * a,
  cos: (a = 0) => Math.cos(a),
  sin: (a = 0) => Math.sin(a),
  abs: (a = 0) => Math.abs(a),
  less: (a = 0, b = 0) => (a < b ? 1 : 0),
  less_equal: (a = 0, b = 0) => (a <= b ? 1 : 0),
  greater: (a = 0, b = 0) => (a > b ? 1 : 0),
  greater_equal: (a = 0, b = 0) => (a >= b ? 1 : 0),
  equal: (a = 0, b = 0) => (a === b ? 1 : 0),
  select: (c = 0, a = 0, b = 0) => (c !== 0 ? a : b),
};

export function isScalarFunction(op: string): boolean {
  return Object.hasOwn(functions, op);
}

export function evaluateScalar(expr: ScalarExpr, scope: ScalarScope): number {
  if (typeof expr === 'number') return expr;
  if (typeof expr === 'string') return scope[expr] ?? 0;
  const f = functions[expr.op];
  if (!f) throw new Error(`${expr.op} is not a function of host scalars`);
  return f(...expr.args.map((a) => evaluateScalar(a, scope)));
}

/** Whether the value changes with the tick within a batch. */
export function dependsOn(expr: ScalarExpr, variable: ScalarVariable): boolean {
  if (typeof expr === 'number') return false;
  if (typeof expr === 'string') return expr === variable;
  return expr.args.some((a) => dependsOn(a, variable));
}
