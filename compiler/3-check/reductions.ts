/** Optimizers that look at a weight as a whole: which they are, and what they mean where a link is thinned. */
import type { Definition, Expression } from '../1-syntax/ast.ts';
import { type Attributes, apply, constant, type Expr, leaf, type Shape } from '../operators/expr.ts';
import { ShapeError } from '../operators/operator.ts';
import { isCallable, operators } from '../operators/table.ts';

/** Whether any statement does more than arithmetic of single elements. Functions of the user are not looked into. */
export function dependsOnShape({ rules = [] }: Definition): boolean {
  return rules.some((rule) => (rule.kind === 'let' || rule.kind === 'next') && looksAtWhole(rule.value));
}

function looksAtWhole(expression: Expression): boolean {
  switch (expression.kind) {
    case 'number':
    case 'string':
    case 'name':
      return false;
    case 'unary':
      return looksAtWhole(expression.operand);
    case 'binary':
      return looksAtWhole(expression.left) || looksAtWhole(expression.right);
    case 'call': {
      const { callee } = expression;
      const single = callee.kind === 'name' && isCallable(callee.name) && operators[callee.name].elementwise;
      return !single || expression.arguments.some((a) => looksAtWhole(a.value));
    }
    default:
      return true;
  }
}

/** The leaf of the n-th sum over all weights. */
export const totalName = (n: number): string => `total:${n}`;

/** The leaf of a thinned weight's shape that is 1 where a connection exists. */
export const CONNECTION = 'connection';

/** Below every number that f32 holds. */
const LEAST = constant(-3.4028234663852886e38);

/**
 * The expression where only the connections that exist count: as a list of them, or as a matrix with zeros between.
 *
 * @throws ShapeError where the expression asks for more than reductions of everything
 */
export function overConnections(expr: Expr, shape: Shape): Expr {
  if (expr.kind !== 'apply') return expr;
  const args = expr.args.map((a) => overConnections(a, shape));
  const [x] = args;
  if (operators[expr.op].elementwise || x === undefined) return { ...expr, args };
  if (!isWhole(expr)) throw new ShapeError('the connections of a thinned link have no axes to go along');
  if (x.shape.length === 0) return { ...expr, args, attributes: withoutAxes(expr.attributes) };
  const exists = leaf(CONNECTION, shape, false);
  const attributes = withoutAxes(expr.attributes);
  const reduced = (op: 'sum' | 'amax', of: Expr): Expr => ({ kind: 'apply', op, args: [of], attributes, shape: [] });
  if (expr.op === 'amax') return reduced('amax', apply('select', [exists, x, LEAST]));
  const total = reduced('sum', apply('select', [exists, x, constant(0)]));
  if (expr.op === 'sum') return total;
  return apply('div', [total, apply('max', [reduced('sum', exists), constant(1)])]);
}

/** A reduction of all axes. */
function isWhole({ op, attributes, args: [x] }: Expr & { kind: 'apply' }): boolean {
  if (op !== 'sum' && op !== 'mean' && op !== 'amax') return false;
  return !Array.isArray(attributes.axes) || attributes.axes.length === x?.shape.length;
}

function withoutAxes({ axes: _, keep: __, ...rest }: Attributes): Attributes {
  return rest;
}
