/** A flat run of operands and operators to a tree, by precedence; the printer uses the same table. */
import type { Span } from '../diagnostics/diagnostic.ts';
import type { BinaryOperator, Expression, Unary } from './ast.ts';

/** Higher binds tighter. Unary minus stands between `*` and `^`, `not` between `and` and the comparisons. */
export const BINARY_POWER: Readonly<Record<BinaryOperator, number>> = {
  or: 1,
  and: 2,
  '==': 4,
  '!=': 4,
  '<': 4,
  '<=': 4,
  '>': 4,
  '>=': 4,
  '+': 5,
  '-': 5,
  '*': 6,
  '/': 6,
  '%': 6,
  '^': 8,
};
export const UNARY_POWER: Readonly<Record<Unary['operator'], number>> = { not: 3, '-': 7 };
export const COMPARISON_POWER = BINARY_POWER['=='];

export type Part =
  | { readonly kind: 'prefix'; readonly operator: Unary['operator']; readonly start: number }
  | { readonly kind: 'binary'; readonly operator: BinaryOperator; readonly span: Span }
  | { readonly kind: 'operand'; readonly value: Expression };

export interface FoldReports {
  chained(span: Span): void;
  tooDeep(span: Span): void;
}

/** No expression tree is deeper than this, so that every later walk may recurse. */
export const MAX_DEPTH = 200;

/** Levels of a tree, kept for every expression built; names and numbers are 1 deep. */
const depths = new WeakMap<Expression, number>();

export function depthOf(expression: Expression): number {
  return depths.get(expression) ?? 1;
}

/** Remembers the depth of a new expression; beyond the limit reports and gives back a part of it that is shallow. */
export function limitDepth<T extends Expression>(
  expression: T,
  children: readonly Expression[],
  tooDeep: (span: Span) => void,
): Expression {
  let deepest = 0;
  for (const child of children) deepest = Math.max(deepest, depthOf(child));
  if (deepest >= MAX_DEPTH) {
    tooDeep(expression.span);
    return { kind: 'name', name: '_', span: expression.span };
  }
  depths.set(expression, deepest + 1);
  return expression;
}

/** The same operation with its brackets inside its span. Single values keep their own. */
export function widen(expression: Expression, span: Span): Expression {
  if (expression.kind !== 'binary' && expression.kind !== 'unary') return expression;
  const wide = { ...expression, span };
  depths.set(wide, depthOf(expression));
  return wide;
}

/** Pratt's method (1973). `parts` begins and ends with an operand and alternates, with prefixes before operands. */
export function fold(parts: readonly Part[], reports: FoldReports): Expression | undefined {
  let position = 0;

  function operand(recursion: number): Expression | undefined {
    const part = parts[position];
    if (part === undefined || part.kind === 'binary') return undefined;
    position++;
    if (part.kind === 'operand') return part.value;
    const value = climb(UNARY_POWER[part.operator], recursion + 1);
    if (value === undefined) return undefined;
    const span = { ...value.span, start: part.start };
    return limitDepth({ kind: 'unary', operator: part.operator, operand: value, span }, [value], reports.tooDeep);
  }

  function climb(least: number, recursion: number): Expression | undefined {
    if (recursion > MAX_DEPTH) {
      const last = parts.findLast((part) => part.kind === 'operand');
      position = parts.length;
      if (last?.kind !== 'operand') return undefined;
      reports.tooDeep(last.value.span);
      return last.value;
    }
    let left = operand(recursion);
    let compared = false;
    for (;;) {
      const part = parts[position];
      if (left === undefined || part?.kind !== 'binary') return left;
      const power = BINARY_POWER[part.operator];
      if (power < least) return left;
      position++;
      const isComparison = power === COMPARISON_POWER;
      if (isComparison && compared) reports.chained(part.span);
      compared = isComparison;
      // `^` groups to the right, everything else to the left.
      const right = climb(part.operator === '^' ? power : power + 1, recursion + 1);
      if (right === undefined) return left;
      const span: Span = { ...left.span, end: right.span.end };
      left = limitDepth({ kind: 'binary', operator: part.operator, left, right, span }, [left, right], reports.tooDeep);
    }
  }

  return climb(0, 0);
}
