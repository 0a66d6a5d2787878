/** Expressions as text: on one line where it fits, else with the items of brackets on lines of their own. */
import type { Argument, Expression, IndexItem, TypeExpression } from './ast.ts';
import type { GapComments, Layout } from './layout.ts';
import { BINARY_POWER, COMPARISON_POWER, UNARY_POWER } from './precedence.ts';
import { WIDTH } from './rows.ts';

/** An operand binds tighter than every operator. */
const OPERAND_POWER = 10;

/** Something between brackets. */
export interface Item {
  /** @param column where it begins */
  print(indent: string, column: number): string;
}

export class Terms {
  readonly #layout: Layout;

  constructor(layout: Layout) {
    this.#layout = layout;
  }

  /** On one line, whatever its length. */
  flat(e: Expression): string {
    switch (e.kind) {
      case 'number':
        return this.#layout.number(e);
      case 'string':
        return quote(e.value);
      case 'name':
        return e.name;
      case 'member':
        return `${this.#operandFlat(e.of)}.${e.name.text}`;
      case 'index':
        return `${this.#operandFlat(e.of)}[${e.items.map((item) => this.#indexItem(item)).join(', ')}]`;
      case 'call':
        return `${this.#operandFlat(e.callee)}(${e.arguments.map((one) => this.#argument(one)).join(', ')})`;
      case 'list':
        return `[${e.items.map((item) => this.flat(item)).join(', ')}]`;
      case 'unary': {
        const operand = this.#guarded(e.operand, UNARY_POWER[e.operator]);
        return e.operator === 'not' ? `not ${operand}` : `-${operand}`;
      }
      case 'binary': {
        const [left, right] = sides(e);
        return `${this.#guarded(e.left, left)} ${e.operator} ${this.#guarded(e.right, right)}`;
      }
    }
  }

  type(type: TypeExpression): string {
    const sizes = type.sizes.map((size) => this.flat(size)).join(', ');
    return type.sizes.length === 0 ? type.element.text : `${type.element.text}[${sizes}]`;
  }

  /** Beginning at `column` of a line indented by `indent`; `reserve` characters follow on its last line. */
  at(e: Expression, indent: string, column: number, reserve = 0): string {
    const flat = this.flat(e);
    if (!this.#mustBreak(e) && column + flat.length + reserve <= WIDTH) return flat;
    if (e.kind === 'call') {
      const callee = isOperand(e.callee)
        ? this.at(e.callee, indent, column, 1)
        : `(${this.at(e.callee, indent, column + 1, 1)})`;
      if (e.arguments.length === 0) return `${callee}()`;
      const inner = this.#argumentsFlat(e, lastLine(callee, column));
      if (inner !== undefined && this.#mustBreak(e.callee)) return `${callee}${inner}`;
      const items = e.arguments.map((one) => this.#argumentItem(one));
      return `${callee}${this.broken('(', items, ')', indent, this.#layout.gaps(e))}`;
    }
    if (e.kind === 'list' && e.items.length > 0) {
      const items = e.items.map((one): Item => ({ print: (inside, start) => this.at(one, inside, start, 1) }));
      return this.broken('[', items, ']', indent, this.#layout.gaps(e));
    }
    if (e.kind === 'binary') return this.#brokenBinary(e, indent, column, reserve);
    if (e.kind === 'unary') {
      const sign = e.operator === 'not' ? 'not ' : '-';
      return sign + this.#guardedAt(e.operand, UNARY_POWER[e.operator], indent, column + sign.length, reserve);
    }
    if (e.kind === 'member') return `${this.#guardedAt(e.of, OPERAND_POWER, indent, column, 0)}.${e.name.text}`;
    if (e.kind === 'index') {
      const items = e.items.map((item) => this.#indexItem(item)).join(', ');
      return `${this.#guardedAt(e.of, OPERAND_POWER, indent, column, 0)}[${items}]`;
    }
    return flat;
  }

  /** One item a line. */
  broken(open: string, items: readonly Item[], close: string, indent: string, gaps: GapComments | undefined): string {
    const inside = `${indent}  `;
    const lines = [open];
    items.forEach((item, index) => {
      for (const line of gaps?.before[index] ?? []) lines.push(line === '' ? '' : inside + line);
      const comma = index < items.length - 1 ? ',' : '';
      const behind = gaps?.behind[index] ?? '';
      lines.push(`${inside}${item.print(inside, inside.length)}${comma}${behind === '' ? '' : `  ${behind}`}`);
    });
    for (const line of gaps?.before[items.length] ?? []) lines.push(line === '' ? '' : inside + line);
    return `${lines.join('\n')}\n${indent}${close}`;
  }

  #argumentsFlat(e: Expression & { kind: 'call' }, column: number): string | undefined {
    if (this.#layout.gaps(e) !== undefined || e.arguments.some((one) => this.#mustBreak(one.value))) return undefined;
    const flat = `(${e.arguments.map((one) => this.#argument(one)).join(', ')})`;
    return column + flat.length <= WIDTH ? flat : undefined;
  }

  #brokenBinary(e: Expression & { kind: 'binary' }, indent: string, column: number, reserve: number): string {
    const [leftPower, rightPower] = sides(e);
    const left = this.#guardedAt(e.left, leftPower, indent, column, e.operator.length + 2);
    const start = lastLine(left, column) + e.operator.length + 2;
    return `${left} ${e.operator} ${this.#guardedAt(e.right, rightPower, indent, start, reserve)}`;
  }

  /** Comments between items need lines of their own. */
  #mustBreak(e: Expression): boolean {
    if (this.#layout.gaps(e) !== undefined) return true;
    if (e.kind === 'call') return this.#mustBreak(e.callee) || e.arguments.some((one) => this.#mustBreak(one.value));
    if (e.kind === 'list') return e.items.some((one) => this.#mustBreak(one));
    if (e.kind === 'binary') return this.#mustBreak(e.left) || this.#mustBreak(e.right);
    if (e.kind === 'unary') return this.#mustBreak(e.operand);
    return (e.kind === 'member' || e.kind === 'index') && this.#mustBreak(e.of);
  }

  #argument(one: Argument): string {
    return `${one.name === undefined ? '' : `${one.name.text} = `}${this.flat(one.value)}`;
  }
  #argumentItem(one: Argument): Item {
    const name = one.name === undefined ? '' : `${one.name.text} = `;
    return { print: (indent, column) => name + this.at(one.value, indent, column + name.length, 1) };
  }
  #indexItem(item: IndexItem): string {
    if (item.kind === 'all') return '*';
    return item.kind === 'at' ? this.flat(item.value) : `${this.flat(item.from)}..${this.flat(item.to)}`;
  }
  #operandFlat(e: Expression): string {
    return this.#guarded(e, OPERAND_POWER);
  }
  #guarded(e: Expression, least: number): string {
    return powerOf(e) < least ? `(${this.flat(e)})` : this.flat(e);
  }
  #guardedAt(e: Expression, least: number, indent: string, column: number, reserve: number): string {
    if (powerOf(e) >= least) return this.at(e, indent, column, reserve);
    return `(${this.at(e, indent, column + 1, reserve + 1)})`;
  }
}

function powerOf(e: Expression): number {
  if (e.kind === 'binary') return BINARY_POWER[e.operator];
  return e.kind === 'unary' ? UNARY_POWER[e.operator] : OPERAND_POWER;
}
function isOperand(e: Expression): boolean {
  return powerOf(e) === OPERAND_POWER;
}

/** Least powers of the two sides that need no brackets. A prefix may stand bare on the right, it takes what follows. */
function sides(e: Expression & { kind: 'binary' }): [number, number] {
  const power = BINARY_POWER[e.operator];
  if (e.operator === '^') return [power + 1, power];
  return power === COMPARISON_POWER ? [power + 1, power + 1] : [power, power + 1];
}

/** The column behind a text that began at `column`. */
function lastLine(text: string, column: number): number {
  const index = text.lastIndexOf('\n');
  return index === -1 ? column + text.length : text.length - index - 1;
}

export function quote(value: string): string {
  const inner = value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n').replaceAll('\t', '\\t');
  return `"${inner}"`;
}
