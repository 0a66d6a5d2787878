/**
 * A typed expression becomes operations. Shapes of expressions are per sample; here the batch axis is put in front of
 * everything that differs from sample to sample.
 */
import type { Attributes, ScalarExpr } from '../../spec/program.ts';
import { evaluateScalar, isScalarFunction } from '../../spec/scalars.ts';
import { type Expr, isBatched, type Shape } from '../operators/expr.ts';
import type { Value } from '../operators/operator.ts';
import { operators } from '../operators/table.ts';
import type { BlockBuilder } from './builder.ts';

/** Meaning of a leaf: a value of the program, or a number that the host works out. */
export type Binding = { readonly value: Value } | { readonly scalar: ScalarExpr };
export type Bindings = Readonly<Record<string, Binding>>;

export function lowerExpression(builder: BlockBuilder, expr: Expr, bindings: Bindings, batch: number): Value {
  const scalar = asScalar(expr, bindings);
  if (scalar !== undefined) return builder.scalar(scalar);
  if (expr.kind === 'constant') return builder.constant(expr.value);
  if (expr.kind === 'leaf') {
    const binding = bindings[expr.name];
    if (!binding || !('value' in binding)) throw new Error(`no value for ${expr.name}`);
    return binding.value;
  }
  if (isReshape(expr)) {
    const shape = isBatched(expr) ? [batch, ...expr.shape] : expr.shape;
    return builder.reshape(lowerContents(builder, withoutReshapes(expr), bindings, batch), shape);
  }
  if (isRowsProduct(expr))
    return builder.reshape(lowerContents(builder, expr, bindings, batch), [batch, ...expr.shape]);
  const values = expr.args.map((a) => lowerExpression(builder, a, bindings, batch));
  if (!isBatched(expr)) return builder.op(expr.op, values, expr.attributes);
  if (operators[expr.op].elementwise) {
    const aligned = expr.args.map((a, i) => align(builder, values[i] as Value, a, expr.shape.length, batch));
    return builder.op(expr.op, aligned, expr.attributes);
  }
  if (expr.op === 'matmul') return lowerPages(builder, expr, values, batch);
  if (expr.op === 'broadcast')
    values[0] = align(builder, values[0] as Value, expr.args[0] as Expr, expr.shape.length, batch);
  const ranked = expr.args.map((a, i) =>
    isBatched(a) || operators[expr.op].shared?.includes(i)
      ? (values[i] as Value)
      : repeat(builder, values[i] as Value, batch),
  );
  return builder.op(expr.op, ranked, perSampleAttributes(expr, batch));
}

/** Puts axes of size 1 behind the batch axis, so that broadcasting aligns samples with samples. */
function align(builder: BlockBuilder, value: Value, expr: Expr, rank: number, batch: number): Value {
  if (!isBatched(expr) || expr.shape.length === rank) return value;
  const ones = new Array<number>(rank - expr.shape.length).fill(1);
  return builder.op('reshape', [value], { shape: [batch, ...ones, ...expr.shape] });
}

function repeat(builder: BlockBuilder, value: Value, batch: number): Value {
  return builder.op('broadcast', [value], { shape: [batch, ...value.shape] });
}

type Apply = Expr & { kind: 'apply' };

function isReshape(expr: Expr): expr is Apply {
  return expr.kind === 'apply' && expr.op === 'reshape' && expr.attributes.oneWay !== true;
}

/** The expression below its outer reshapes. */
function withoutReshapes(expr: Expr): Expr {
  let inner = expr;
  while (isReshape(inner)) inner = inner.args[0] as Expr;
  return inner;
}

/** A product with an unbatched matrix is one product of all samples' rows. */
function isRowsProduct(expr: Expr): expr is Apply {
  if (expr.kind !== 'apply' || expr.op !== 'matmul') return false;
  const [left, right] = expr.args;
  if (!left || !right) return false;
  return isBatched(left) && !isBatched(right) && expr.attributes.ta !== true && right.shape.length === 2;
}

/** The elements of the expression, in order: in whatever shape they come by. */
function lowerContents(builder: BlockBuilder, expr: Expr, bindings: Bindings, batch: number): Value {
  if (!isRowsProduct(expr)) return lowerExpression(builder, expr, bindings, batch);
  const [left, right] = expr.args as [Expr, Expr];
  const columns = left.shape.at(-1) ?? 1;
  const rows = left.shape.slice(0, -1).reduce((x, y) => x * y, batch);
  const a = lowerContents(builder, withoutReshapes(left), bindings, batch);
  const b = lowerExpression(builder, right, bindings, batch);
  return builder.op('matmul', [builder.reshape(a, [rows, columns]), b], expr.attributes);
}

/** Pages broadcast per sample: the batch axis stands in front of the pages of both. */
function lowerPages(builder: BlockBuilder, expr: Apply, [a, b]: Value[], batch: number): Value {
  const [left, right] = expr.args;
  if (!a || !b || !left || !right) throw new Error('matmul has two arguments');
  const rank = Math.max(left.shape.length, right.shape.length);
  const aligned = [align(builder, a, left, rank, batch), align(builder, b, right, rank, batch)];
  return builder.op('matmul', aligned, expr.attributes);
}

/** Axes counted per sample, and sizes without the batch, as a program needs them. */
function perSampleAttributes(expr: Expr & { kind: 'apply' }, batch: number): Attributes {
  const rank = expr.args[0]?.shape.length ?? 0;
  const attributes: Record<string, Attributes[string]> = { ...expr.attributes };
  if (Array.isArray(attributes.shape)) attributes.shape = [batch, ...(attributes.shape as Shape)];
  if (expr.op === 'sum' || expr.op === 'mean' || expr.op === 'amax') {
    const axes = Array.isArray(attributes.axes)
      ? (attributes.axes as readonly number[])
      : Array.from({ length: rank }, (_, i) => i);
    attributes.axes = axes.map((axis) => (axis < 0 ? axis + rank : axis) + 1);
  } else if (typeof attributes.axis === 'number' && attributes.axis >= 0) attributes.axis += 1;
  if (expr.op === 'transpose' && !Array.isArray(attributes.order)) attributes.order = [1, 0];
  return attributes;
}

/** The expression as a host scalar, where it has no other leaves. */
function asScalar(expr: Expr, bindings: Bindings): ScalarExpr | undefined {
  if (expr.kind === 'constant') return expr.value;
  if (expr.kind === 'leaf') {
    const binding = bindings[expr.name];
    return binding && 'scalar' in binding ? binding.scalar : undefined;
  }
  if (!isScalarFunction(expr.op) || expr.shape.length > 0) return undefined;
  const args: ScalarExpr[] = [];
  for (const a of expr.args) {
    const scalar = asScalar(a, bindings);
    if (scalar === undefined) return undefined;
    args.push(scalar);
  }
  const whole: ScalarExpr = { op: expr.op, args };
  return args.every((a) => typeof a === 'number') ? evaluateScalar(whole, { batch: 0, batches: 0, tick: 0 }) : whole;
}

/** An expression of scalars only, as the host evaluates it. */
export function lowerScalar(expr: Expr, bindings: Bindings): ScalarExpr {
  const scalar = asScalar(expr, bindings);
  if (scalar === undefined) throw new Error('the expression is not a scalar of the host');
  return scalar;
}
