/** Expressions as text and back: `add(matmul(reshape(source, shape=[1, 784]), transpose(w)), c)`. */
import { ANY_DRAW, ANY_KEPT, isDrawLeaf, parseKeptLeaf } from '../../spec/names.ts';
import {
  type Attributes,
  type AttributeValue,
  apply,
  constant,
  type Expr,
  leaf,
  type Shape,
} from '../operators/expr.ts';
import { isOperator } from '../operators/table.ts';

/** Leaves by name, with their shapes, which texts leave out. */
export type Leaves = ReadonlyMap<string, { readonly shape: Shape; readonly batched: boolean }>;

export function leafOf(leaves: Leaves, name: string): { readonly shape: Shape; readonly batched: boolean } | undefined {
  if (parseKeptLeaf(name)) return leaves.get(ANY_KEPT);
  return leaves.get(name) ?? (isDrawLeaf(name) ? leaves.get(ANY_DRAW) : undefined);
}

export function printExpression(expr: Expr): string {
  if (expr.kind === 'constant') return Object.is(expr.value, -0) ? '-0' : String(expr.value);
  if (expr.kind === 'leaf') return expr.name;
  const attributes = Object.entries(expr.attributes)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${printAttribute(value)}`);
  return `${expr.op}(${[...expr.args.map(printExpression), ...attributes].join(', ')})`;
}

function printAttribute(value: AttributeValue): string {
  return typeof value === 'object' ? `[${value.join(', ')}]` : JSON.stringify(value);
}

/** Shapes are worked out by the operator table. @throws Error where the text is not an expression of these leaves */
export function parseExpression(text: string, leaves: Leaves): Expr {
  const tokens = tokenize(text);
  let next = 0;
  const take = (): string => tokens[next++] ?? '';
  const expect = (wanted: string): void => {
    const found = take();
    if (found !== wanted) throw new Error(`${wanted} is missing before ${found || 'the end'}`);
  };
  const argumentsOf = (args: Expr[], attributes: Record<string, AttributeValue>): void => {
    expect('(');
    while (tokens[next] !== ')') {
      if (args.length > 0 || Object.keys(attributes).length > 0) expect(',');
      if (tokens[next + 1] === '=') {
        const name = take();
        expect('=');
        attributes[name] = attribute();
      } else args.push(expression());
    }
    expect(')');
  };
  const attribute = (): AttributeValue => {
    if (tokens[next] !== '[') return JSON.parse(take()) as AttributeValue;
    const items: number[] = [];
    expect('[');
    while (tokens[next] !== ']') {
      if (items.length > 0) expect(',');
      items.push(Number(take()));
    }
    expect(']');
    return items;
  };
  const expression = (): Expr => {
    const word = take();
    if (tokens[next] === '(') {
      if (!isOperator(word)) throw new Error(`${word} is not an operator`);
      const args: Expr[] = [];
      const attributes: Record<string, AttributeValue> = {};
      argumentsOf(args, attributes);
      return apply(word, args, attributes as Attributes);
    }
    const known = leafOf(leaves, word);
    if (known) return leaf(word, known.shape, known.batched);
    if (word !== 'NaN' && !isNumber(word)) throw new Error(`${word || 'the end'} is not a known value`);
    return constant(Number(word));
  };
  const whole = expression();
  if (next < tokens.length) throw new Error(`${tokens[next]} follows the end of the expression`);
  return whole;
}

const isNumber = (word: string): boolean => word !== '' && !Number.isNaN(Number(word));

/** Words and numbers, quoted strings, and `( ) [ ] , =`. */
const TOKEN = /\s*("(?:[^"\\]|\\.)*"|[()[\],=]|[^\s()[\],="]+)\s*/y;

function tokenize(text: string): string[] {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const at = TOKEN.lastIndex;
    const match = TOKEN.exec(text);
    if (!match) throw new Error(`cannot be read from ${text.slice(at, at + 10)} on`);
    tokens.push(match[1] ?? '');
  }
  return tokens;
}
