/** Sizes and counts: whole, positive, and small enough to exist. */
import type { TypeExpression } from '../1-syntax/ast.ts';
import type { Span } from '../diagnostics/diagnostic.ts';
import { type Shape, sizeOf } from '../operators/expr.ts';
import type { Environment } from './environment.ts';
import type { Evaluate } from './parameters.ts';
import { describe, isKind, isPoison, POISON, type Poison, type Term } from './term.ts';

/** Elements of one tensor: the largest that a 32-bit index reaches. */
export const MAX_ELEMENTS = 2 ** 31;
/** Axes of one tensor. */
export const MAX_AXES = 8;

export function isDone<T>(value: T | Poison): value is T {
  return value !== POISON;
}

/** `f32[size(target), 3]`: a list among the sizes stands for its items. */
export function typeShape(type: TypeExpression, environment: Environment, evaluate: Evaluate): Shape | Poison {
  const sizes = type.sizes.map((size) => evaluate(size, environment));
  return settleShape(sizes, type.span, environment);
}

export function settleShape(sizes: readonly Term[], span: Span, environment: Environment): Shape | Poison {
  const flat = sizes.flatMap((size) => (isKind(size, 'list') ? size.items : [size]));
  const shape: number[] = [];
  for (const size of flat) {
    if (isPoison(size)) return POISON;
    if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 1) {
      const shown = typeof size === 'number' ? String(size) : describe(size);
      const reason = `a size is a whole number from 1, not ${shown}`;
      // Inside a definition the place that matters is where it is used.
      if (environment.onShape) environment.onShape(span, reason);
      else environment.session.reporter.report('shape/size', span, reason);
      return POISON;
    }
    shape.push(size);
  }
  if (shape.length > MAX_AXES) {
    environment.session.reporter.report('shape/size', span, `${shape.length} axes; a tensor has at most ${MAX_AXES}`);
    return POISON;
  }
  if (sizeOf(shape) <= MAX_ELEMENTS) return shape;
  if (environment.onShape) {
    // Inside a definition: what matters is the link or node that it is used for.
    environment.onShape(span, `a tensor of ${sizeOf(shape)} elements; the most are ${MAX_ELEMENTS}`);
    return POISON;
  }
  environment.session.reporter.report(
    'shape/huge',
    span,
    `${sizeOf(shape)} elements; a tensor has at most ${MAX_ELEMENTS}`,
  );
  return POISON;
}

/**
 * Whether elements in the order of one shape are those of the other: axes are only joined or divided, as when a picture is
 * read row by row. `[3, 32, 32]` holds its colours apart and `[32, 32, 3]` side by side: they are as large, and no axis of
 * the one ends where one of the other does.
 */
export function isSameOrder(one: Shape, other: Shape): boolean {
  if (sizeOf(one) !== sizeOf(other)) return false;
  const [a, b] = [endsOf(one), endsOf(other)];
  return [...a].every((end) => b.has(end)) || [...b].every((end) => a.has(end));
}

/** How many elements there are up to the end of each axis, the outermost first. */
function endsOf(shape: Shape): Set<number> {
  const ends = new Set<number>();
  shape.reduce((product, n) => {
    ends.add(product * n);
    return product * n;
  }, 1);
  return ends;
}

/** The axes, in the order that makes the wanted shape of the one that is there, if any does. */
export function transposition(found: Shape, wanted: Shape): readonly number[] | undefined {
  const left = found.map((n, axis) => ({ n, axis }));
  const order: number[] = [];
  for (const n of wanted) {
    const at = left.findIndex((each) => each.n === n);
    const [axis] = at < 0 ? [] : left.splice(at, 1);
    if (axis === undefined) return undefined;
    order.push(axis.axis);
  }
  return left.length === 0 ? order : undefined;
}
