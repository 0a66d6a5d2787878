/** The rewrite table of `fold.ts`, in the order in which rules are tried. */
import { type Op, sameShape } from '../../../spec/program.ts';
import { isOperator, operators } from '../../operators/table.ts';
import type { Rewriter, Rule } from './rule.ts';
import { sideBySide } from './side-by-side.ts';

const binary = (op: Op): [string, string] => [op.args[0] ?? '', op.args[1] ?? ''];

/** A value and the constant that multiplies it: x is 1·x. */
function factor(id: string, { known }: Rewriter): { of: string; by: number } {
  const op = known.get(id);
  if (op?.op === 'mul' && known.get(op.args[1])?.op === 'constant') {
    const [of, by] = binary(op);
    if (sameShape(known.shape(of), op.shape)) return { of, by: known.uniform(by) ?? 1 };
  }
  return { of: id, by: 1 };
}

function scaled(id: string, by: number, r: Rewriter): string {
  return by === 1 ? id : r.emit('mul', [id, r.constant(by)]);
}

/** `x` where it has the wanted shape already. */
function ifShaped(id: string, op: Op, r: Rewriter): string | undefined {
  return sameShape(r.known.shape(id), op.shape) ? id : undefined;
}

/** All arguments are known numbers. */
const constants: Rule = (op, r) => {
  if (op.op === 'constant' || op.op === 'broadcast' || op.args.length === 0 || !isOperator(op.op)) return undefined;
  const values = op.args.map((a) => r.known.uniform(a));
  if (values.some((v) => v === undefined)) return undefined;
  const row = operators[op.op];
  if (row.elementwise) {
    const tensors = values.map((v) => ({ shape: [], data: Float64Array.of(v as number) }));
    return r.filled(row.reference(tensors, op.attributes, [])[0] as number, op.shape);
  }
  const value = values[0] as number;
  if (op.op === 'concatenate' || op.op === 'pages')
    return values.every((v) => v === value) ? r.filled(value, op.shape) : undefined;
  if (op.op === 'amax' || op.op === 'mean') return r.filled(value, op.shape);
  if (op.op === 'reshape' || op.op === 'transpose' || op.op === 'slice') return r.filled(value, op.shape);
  if (op.op === 'sum') {
    const count = sizeOf(r.known.shape(op.args[0] ?? '')) / sizeOf(op.shape);
    return r.filled(value * count, op.shape);
  }
  return undefined;
};

const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** An argument that is one number throughout, or repeats a smaller tensor, need not be laid out in full. */
const narrowArguments: Rule = (op, r) => {
  if (!isOperator(op.op) || !operators[op.op].elementwise || op.args.length < 2) return undefined;
  for (let i = 0; i < op.args.length; i++) {
    const wide = r.known.get(op.args[i]);
    if (wide?.op !== 'broadcast') continue;
    const narrow = wide.args[0] as string;
    const args = op.args.map((a, j) => (j === i ? narrow : a));
    const shape = operators[op.op].shape(
      args.map((a) => r.known.shape(a)),
      op.attributes,
    );
    if (sameShape(shape, op.shape)) return r.emit(op.op, args, op.attributes);
  }
  return undefined;
};

const negation: Rule = (op, r) => (op.op === 'neg' ? r.emit('mul', [op.args[0] ?? '', r.constant(-1)]) : undefined);

const multiplication: Rule = (op, r) => {
  if (op.op !== 'mul') return undefined;
  const [a, b] = binary(op);
  const left = r.known.uniform(a);
  const right = r.known.uniform(b);
  if (left === 0 || right === 0) return r.filled(0, op.shape);
  if (right === 1) return ifShaped(a, op, r);
  if (left !== undefined && right === undefined) return r.emit('mul', [b, a]);
  if (right !== undefined) {
    const inner = factor(a, r);
    return inner.by === 1 ? undefined : r.emit('mul', [inner.of, r.constant(inner.by * right)]);
  }
  const x = factor(a, r);
  const y = factor(b, r);
  if (x.by === 1 && y.by === 1) return undefined;
  return scaled(r.emit('mul', [x.of, y.of]), x.by * y.by, r);
};

const division: Rule = (op, r) => {
  if (op.op !== 'div') return undefined;
  const [a, b] = binary(op);
  const by = r.known.uniform(b);
  if (r.known.uniform(a) === 0) return r.filled(0, op.shape);
  return by === undefined || by === 0 ? undefined : r.emit('mul', [a, r.constant(1 / by)]);
};

const addition: Rule = (op, r) => {
  if (op.op !== 'add') return undefined;
  const [a, b] = binary(op);
  if (r.known.uniform(a) === 0) return ifShaped(b, op, r);
  if (r.known.uniform(b) === 0) return ifShaped(a, op, r);
  const x = factor(a, r);
  const y = factor(b, r);
  if (x.by === y.by && x.by !== 1) return scaled(r.emit('add', [x.of, y.of]), x.by, r);
  if (y.by < 0) return r.emit('sub', [a, scaled(y.of, -y.by, r)]);
  if (x.by < 0) return r.emit('sub', [b, scaled(x.of, -x.by, r)]);
  return undefined;
};

const subtraction: Rule = (op, r) => {
  if (op.op !== 'sub') return undefined;
  const [a, b] = binary(op);
  if (a === b) return r.filled(0, op.shape);
  if (r.known.uniform(b) === 0) return ifShaped(a, op, r);
  if (r.known.uniform(a) === 0 && sameShape(r.known.shape(b), op.shape)) return r.emit('mul', [b, r.constant(-1)]);
  const cancelled = cancel(a, b, op, r);
  if (cancelled !== undefined) return cancelled;
  const x = factor(a, r);
  const y = factor(b, r);
  if (x.by === y.by && x.by !== 1) return scaled(r.emit('sub', [x.of, y.of]), x.by, r);
  if (y.by < 0) return r.emit('add', [a, scaled(y.of, -y.by, r)]);
  if (x.by < 0) return scaled(r.emit('add', [scaled(x.of, -x.by, r), b]), -1, r);
  return undefined;
};

/** (a + b) - a is b: in f32 the plain order would lose b's last bits (numerics, Z-IL). */
function cancel(a: string, b: string, op: Op, r: Rewriter): string | undefined {
  const left = r.known.get(a);
  const right = r.known.get(b);
  if (left && (left.op === 'add' || left.op === 'sub')) {
    const [p, q] = binary(left);
    if (p === b && sameShape(r.known.shape(q), op.shape))
      return left.op === 'add' ? q : r.emit('mul', [q, r.constant(-1)]);
    if (q === b && left.op === 'add') return ifShaped(p, op, r);
  }
  if (right && (right.op === 'add' || right.op === 'sub')) {
    const [p, q] = binary(right);
    if (p === a && sameShape(r.known.shape(q), op.shape))
      return right.op === 'sub' ? q : r.emit('mul', [q, r.constant(-1)]);
  }
  return undefined;
}

const squares: Rule = (op, r) => {
  if (op.op === 'pow' && r.known.uniform(op.args[1]) === 2)
    return ifShaped(op.args[0] ?? '', op, r) && r.emit('square', [op.args[0] ?? '']);
  if (op.op !== 'square') return undefined;
  const inner = factor(op.args[0] ?? '', r);
  return inner.by === 1 ? undefined : scaled(r.emit('square', [inner.of]), inner.by * inner.by, r);
};

const products: Rule = (op, r) => {
  if (op.op !== 'matmul') return undefined;
  const [a, b] = binary(op);
  if (r.known.uniform(a) === 0 || r.known.uniform(b) === 0) return r.filled(0, op.shape);
  const x = factor(a, r);
  const y = factor(b, r);
  if (x.by !== 1 || y.by !== 1) return scaled(r.emit('matmul', [x.of, y.of], op.attributes), x.by * y.by, r);
  for (const [i, flag] of [
    [0, 'ta'],
    [1, 'tb'],
  ] as const) {
    const turned = r.known.get(op.args[i]);
    if (turned?.op !== 'transpose' || !swapsLastTwo(turned)) continue;
    const args = op.args.map((id, j) => (j === i ? (turned.args[0] as string) : id));
    return r.emit('matmul', args, { ...op.attributes, [flag]: op.attributes[flag] !== true });
  }
  return undefined;
};

function swapsLastTwo(op: Op): boolean {
  const order = op.attributes.order;
  return !Array.isArray(order) || (order.length === 2 && order[0] === 1);
}

/** A rule for operators that are linear in an argument: they give zero for zero, and let factors through. */
const linearity: Rule = (op, r) => {
  const linear = isOperator(op.op) ? operators[op.op].linear : undefined;
  if (linear === undefined) return undefined;
  if (linear.some((i) => r.known.uniform(op.args[i]) === 0)) return r.filled(0, op.shape);
  const parts = op.args.map((a, i) => (linear.includes(i) ? factor(a, r) : { of: a, by: 1 }));
  const by = parts.reduce((product, part) => product * part.by, 1);
  if (parts.every((part) => part.by === 1)) return undefined;
  return scaled(
    r.emit(
      op.op,
      parts.map((part) => part.of),
      op.attributes,
    ),
    by,
    r,
  );
};

const reductions: Rule = (op, r) => {
  if (op.op !== 'sum') return undefined;
  const inner = factor(op.args[0] ?? '', r);
  return inner.by === 1 ? undefined : scaled(r.emit('sum', [inner.of], op.attributes), inner.by, r);
};

const transposes: Rule = (op, r) => {
  if (op.op !== 'transpose') return undefined;
  const from = op.args[0] ?? '';
  const x = factor(from, r);
  if (x.by !== 1) return scaled(r.emit('transpose', [x.of], op.attributes), x.by, r);
  const inner = r.known.get(from);
  if (!inner || !swapsLastTwo(op)) return undefined;
  if (inner.op === 'transpose' && swapsLastTwo(inner)) return inner.args[0];
  if (inner.op !== 'matmul') return undefined;
  // (A·B)ᵀ = Bᵀ·Aᵀ
  const [a, b] = binary(inner);
  return r.emit('matmul', [b, a], { ta: inner.attributes.tb !== true, tb: inner.attributes.ta !== true });
};

const layouts: Rule = (op, r) => {
  if (op.op !== 'reshape' && op.op !== 'broadcast') return undefined;
  const from = op.args[0] ?? '';
  if (sameShape(r.known.shape(from), op.shape)) return from;
  const inner = r.known.get(from);
  if (inner?.op === op.op) return r.emit(op.op, [inner.args[0] ?? ''], op.attributes);
  if (op.op === 'broadcast') return undefined;
  // A factor passes through a reshape, so that it can meet others.
  const x = factor(from, r);
  return x.by === 1 ? undefined : scaled(r.emit('reshape', [x.of], op.attributes), x.by, r);
};

const selections: Rule = (op, r) => {
  if (op.op !== 'select') return undefined;
  const [c, a, b] = op.args as [string, string, string];
  const chosen = r.known.uniform(c);
  const either = r.known.uniform(a);
  if (either !== undefined && Object.is(either, r.known.uniform(b))) return r.filled(either, op.shape);
  if (a === b) return ifShaped(a, op, r);
  if (chosen === undefined) return undefined;
  const branch = chosen !== 0 ? a : b;
  const number = r.known.uniform(branch);
  return number === undefined ? ifShaped(branch, op, r) : r.filled(number, op.shape);
};

type Concerns = (op: string) => boolean;
const only =
  (...names: readonly string[]): Concerns =>
  (op) =>
    names.includes(op);

/** Every rule with the operations that it may change. */
const rules: readonly (readonly [Rule, Concerns])[] = [
  [constants, (op) => op !== 'constant' && op !== 'broadcast'],
  [narrowArguments, (op) => isOperator(op) && operators[op].elementwise],
  [negation, only('neg')],
  [multiplication, only('mul')],
  [division, only('div')],
  [addition, only('add')],
  [sideBySide, only('add')],
  [subtraction, only('sub')],
  [squares, only('pow', 'square')],
  [products, only('matmul')],
  [linearity, (op) => isOperator(op) && operators[op].linear !== undefined],
  [reductions, only('sum')],
  [transposes, only('transpose')],
  [layouts, only('reshape', 'broadcast')],
  [selections, only('select')],
];

const byOperation = new Map<string, readonly Rule[]>();

/** The rules that may simplify an operation, in the order in which they are tried. */
export function rulesOf(op: string): readonly Rule[] {
  const known = byOperation.get(op);
  if (known) return known;
  const found = rules.filter(([, concerns]) => concerns(op)).map(([rule]) => rule);
  byOperation.set(op, found);
  return found;
}
