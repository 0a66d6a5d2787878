/**
 * What is read of a prediction is not a number where what it compares, or chooses by or from, is none: a comparison with
 * NaN is 0 like any other that does not hold, and a model whose values have run away would pass for one that is right.
 */
import { parseNodeLeaf } from '../../spec/names.ts';
import { apply, constant, type Expr, isBatched } from '../operators/expr.ts';

/** Which arguments an operator turns into numbers, whatever they are. */
const HIDES: Readonly<Record<string, readonly number[]>> = {
  greater: [0, 1],
  greater_equal: [0, 1],
  less: [0, 1],
  less_equal: [0, 1],
  equal: [0, 1],
  // Of the branches one is not taken, and may be NaN.
  select: [0],
  argmax: [0],
  one_hot: [0],
};

export function keepingNan(expr: Expr): Expr {
  if (expr.kind !== 'apply') return expr;
  const kept = keptInside(expr);
  const hidden = (HIDES[expr.op] ?? []).flatMap((i) => {
    const arg = kept.args[i];
    return arg && isMade(arg) ? [nanOf(arg, kept)] : [];
  });
  return hidden.reduce<Expr>((sum, nan) => apply('add', [sum, nan]), kept);
}

type Apply = Extract<Expr, { kind: 'apply' }>;

/** The same of all that the expression is made of, but not of itself: for an argmax, whose scores are kept beside it. */
export function keptInside(expr: Apply): Apply {
  return { ...expr, args: expr.args.map(keepingNan) };
}

/** Fields of samples and constants are numbers. */
function isMade(expr: Expr): boolean {
  if (expr.kind === 'leaf') return parseNodeLeaf(expr.name) !== undefined;
  return expr.kind === 'apply' && isBatched(expr);
}

/** 0, and NaN where one of the elements is that an element of the result is made of. */
function nanOf(arg: Expr, { op, attributes, shape }: Apply): Expr {
  const zero = apply('min', [apply('abs', [arg]), constant(0)]);
  if (op === 'argmax') {
    const axis = typeof attributes.axis === 'number' ? attributes.axis : -1;
    return apply('sum', [zero], { axes: [axis] });
  }
  // Each number becomes a row of zeros and one 1.
  return op === 'one_hot' ? apply('reshape', [zero], { shape: [...shape.slice(0, -1), 1] }) : zero;
}
