/** Expressions as text in one canonical form: in messages, names of checks, and links of a statement. */
import type { Expression, IndexItem } from '../1-syntax/ast.ts';
import { BINARY_POWER, UNARY_POWER } from '../1-syntax/precedence.ts';

/** Of what stands in no need of brackets. */
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
        ? `-${within(expression.operand, UNARY_POWER['-'])}`
        : `not ${within(expression.operand, UNARY_POWER.not)}`;
    case 'binary': {
      const strength = BINARY_POWER[expression.operator];
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
  if (expression.kind === 'binary') return BINARY_POWER[expression.operator];
  if (expression.kind === 'unary') return UNARY_POWER[expression.operator];
  return WHOLE;
}
