/** Expressions as text in one canonical form: in messages, names of checks, and links of a statement. */
import type { BinaryOperator, Expression, IndexItem } from '../1-syntax/ast.ts';

const STRENGTH: Readonly<Record<BinaryOperator, number>> = {
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
const NOT = 3;
const MINUS = 7;
const WHOLE = 9;

export function showExpression(expression: Expression): string {
  switch (expression.kind) {
    case 'number':
      return `${expression.value}${expression.unit ?? ''}`;
    case 'string':
      return JSON.stringify(expression.value);
    case 'name':
      return expression.name;
    case 'member':
      return `${within(expression.of, WHOLE)}.${expression.name.text}`;
    case 'index':
      return `${within(expression.of, WHOLE)}[${expression.items.map(showItem).join(', ')}]`;
    case 'call': {
      const passed = expression.arguments.map(
        (a) => `${a.name === undefined ? '' : `${a.name.text} = `}${showExpression(a.value)}`,
      );
      return `${within(expression.callee, WHOLE)}(${passed.join(', ')})`;
    }
    case 'unary':
      return expression.operator === '-'
        ? `-${within(expression.operand, MINUS)}`
        : `not ${within(expression.operand, NOT)}`;
    case 'binary': {
      const strength = STRENGTH[expression.operator];
      // `^` binds to the right, everything else to the left; comparisons do not chain.
      const [left, right] = expression.operator === '^' ? [strength + 1, strength] : [strength, strength + 1];
      return `${within(expression.left, left)} ${expression.operator} ${within(expression.right, right)}`;
    }
    case 'list':
      return `[${expression.items.map(showExpression).join(', ')}]`;
  }
}

function showItem(item: IndexItem): string {
  if (item.kind === 'all') return '*';
  if (item.kind === 'at') return showExpression(item.value);
  return `${showExpression(item.from)}..${showExpression(item.to)}`;
}

/** In brackets when it binds more loosely than its surroundings. */
function within(expression: Expression, strength: number): string {
  const text = showExpression(expression);
  return strengthOf(expression) < strength ? `(${text})` : text;
}

function strengthOf(expression: Expression): number {
  if (expression.kind === 'binary') return STRENGTH[expression.operator];
  if (expression.kind === 'unary') return expression.operator === '-' ? MINUS : NOT;
  return WHOLE;
}
