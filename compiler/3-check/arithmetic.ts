/** Operators between terms: numbers are computed at once, tensors become expressions. */
import type { BinaryOperator } from '../1-syntax/ast.ts';
import type { Span } from '../diagnostics/diagnostic.ts';
import { apply, constant, type Expr } from '../operators/expr.ts';
import { ShapeError } from '../operators/operator.ts';
import type { OperatorName } from '../operators/table.ts';
import { type Environment, shapeMistake } from './environment.ts';
import { describe, isKind, isPoison, POISON, type Quantity, type Term, tensor, valueKey } from './term.ts';

type Arithmetic = '+' | '-' | '*' | '/' | '%' | '^';
type Comparison = '<' | '<=' | '>' | '>=';

const TENSOR_OPERATORS: Readonly<Record<Exclude<BinaryOperator, '!='>, OperatorName>> = {
  '+': 'add',
  '-': 'sub',
  '*': 'mul',
  '/': 'div',
  '%': 'mod',
  '^': 'pow',
  '<': 'less',
  '<=': 'less_equal',
  '>': 'greater',
  '>=': 'greater_equal',
  '==': 'equal',
  and: 'mul',
  or: 'max',
};

/** A number, a boolean or a tensor as an expression; undefined for everything else. */
export function toExpr(term: Term): Expr | undefined {
  if (typeof term === 'number') return constant(term);
  if (typeof term === 'boolean') return constant(term ? 1 : 0);
  if (isKind(term, 'quantity')) return constant(term.value);
  if (isKind(term, 'tensor')) return term.expr;
  return undefined;
}

/** Applies an operator of the table; shapes that do not fit are reported. */
export function applyOperator(
  op: OperatorName,
  args: readonly Expr[],
  environment: Environment,
  span: Span,
  attributes: Parameters<typeof apply>[2] = {},
): Term {
  try {
    return tensor(apply(op, args, attributes));
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error;
    shapeMistake(environment, span, error.message);
    return POISON;
  }
}

/** `left operator right`, except `and` and `or` of values known now, which the caller cuts short. */
export function binary(operator: BinaryOperator, left: Term, right: Term, environment: Environment, span: Span): Term {
  if (isPoison(left) || isPoison(right)) return POISON;
  if (isKind(left, 'tensor') || isKind(right, 'tensor')) return tensorBinary(operator, left, right, environment, span);
  switch (operator) {
    case '==':
      return valueKey(plain(left)) === valueKey(plain(right));
    case '!=':
      return valueKey(plain(left)) !== valueKey(plain(right));
    case 'and':
    case 'or':
      return logic(operator, left, right, environment, span);
    case '<':
    case '<=':
    case '>':
    case '>=':
      return compare(operator, left, right, environment, span);
    default:
      return arithmetic(operator, left, right, environment, span);
  }
}

function plain(term: Term): Term {
  return isKind(term, 'quantity') ? term.value : term;
}

function tensorBinary(operator: BinaryOperator, left: Term, right: Term, environment: Environment, span: Span): Term {
  const a = toExpr(left);
  const b = toExpr(right);
  if (a === undefined || b === undefined) return mismatch(operator, left, right, environment, span);
  if (operator === '!=') {
    const same = applyOperator('equal', [a, b], environment, span);
    return isKind(same, 'tensor') ? applyOperator('sub', [constant(1), same.expr], environment, span) : same;
  }
  // Square and root keep derivatives finite where the general power does not (negative bases).
  if (operator === '^' && b.kind === 'constant' && b.value === 1) return left;
  if (operator === '^' && b.kind === 'constant' && b.value === 2)
    return applyOperator('square', [a], environment, span);
  if (operator === '^' && b.kind === 'constant' && b.value === 0.5)
    return applyOperator('sqrt', [a], environment, span);
  return applyOperator(TENSOR_OPERATORS[operator], [a, b], environment, span);
}

function logic(operator: 'and' | 'or', left: Term, right: Term, environment: Environment, span: Span): Term {
  if (typeof left !== 'boolean' || typeof right !== 'boolean')
    return mismatch(operator, left, right, environment, span);
  return operator === 'and' ? left && right : left || right;
}

/** Two numbers, or two quantities of one dimension, as numbers; a plain number may be compared with neither. */
function measured(left: Term, right: Term): [number, number] | undefined {
  if (typeof left === 'number' && typeof right === 'number') return [left, right];
  if (!isKind(left, 'quantity') || !isKind(right, 'quantity') || left.dimension !== right.dimension) return undefined;
  return [left.value, right.value];
}

function compare(operator: Comparison, left: Term, right: Term, environment: Environment, span: Span): Term {
  const numbers = measured(left, right);
  if (numbers === undefined) return mismatch(operator, left, right, environment, span);
  const [a, b] = numbers;
  if (operator === '<') return a < b;
  if (operator === '<=') return a <= b;
  return operator === '>' ? a > b : a >= b;
}

function arithmetic(operator: Arithmetic, left: Term, right: Term, environment: Environment, span: Span): Term {
  if (isKind(left, 'list') && isKind(right, 'list') && operator === '+')
    return { kind: 'list', items: [...left.items, ...right.items] };
  const result = quantityArithmetic(operator, left, right);
  if (result === undefined) return mismatch(operator, left, right, environment, span);
  const value = isKind(result, 'quantity') ? result.value : result;
  if (typeof value === 'number' && Number.isFinite(value)) return result;
  environment.session.reporter.report('number/undefined', span, `the result is ${String(value)}`);
  return POISON;
}

function quantityArithmetic(operator: Arithmetic, left: Term, right: Term): number | Quantity | undefined {
  const same = measured(left, right);
  if (same !== undefined) {
    const value = calculate(operator, ...same);
    if (!isKind(left, 'quantity') || operator === '/') return value;
    return operator === '+' || operator === '-' || operator === '%' ? { ...left, value } : undefined;
  }
  if (isKind(left, 'quantity') && typeof right === 'number' && (operator === '*' || operator === '/'))
    return { ...left, value: calculate(operator, left.value, right) };
  if (isKind(right, 'quantity') && typeof left === 'number' && operator === '*')
    return { ...right, value: left * right.value };
  return undefined;
}

function calculate(operator: Arithmetic, a: number, b: number): number {
  switch (operator) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return a / b;
    case '%':
      return a - b * Math.floor(a / b); // as the operator `mod`
    case '^':
      return a ** b;
  }
}

export function unary(operator: '-' | 'not', operand: Term, environment: Environment, span: Span): Term {
  if (isPoison(operand)) return POISON;
  if (operator === '-') {
    if (typeof operand === 'number') return -operand;
    if (isKind(operand, 'quantity')) return { ...operand, value: -operand.value };
    if (isKind(operand, 'tensor')) return applyOperator('neg', [operand.expr], environment, span);
  } else {
    if (typeof operand === 'boolean') return !operand;
    if (isKind(operand, 'tensor')) {
      const zero = applyOperator('equal', [operand.expr, constant(0)], environment, span);
      return zero;
    }
  }
  environment.session.reporter.report(
    'type/operand',
    span,
    `\`${operator}\` cannot be applied to ${describe(operand)}`,
  );
  return POISON;
}

function mismatch(operator: string, left: Term, right: Term, environment: Environment, span: Span): Term {
  const reason = `\`${operator}\` cannot be applied to ${describe(left)} and ${describe(right)}`;
  environment.session.reporter.report('type/operand', span, reason);
  return POISON;
}
