/** The value of a typed expression on a tape, by definitions of the operators that are written here once more. */
import type { Attributes, Expr } from '../../compiler/operators/expr.ts';
import type { Cell, Cells, Tape } from './tape.ts';

type Shape = readonly number[];
type Leaves = (name: string) => Cells;

const sizeOf = (shape: Shape): number => shape.reduce((size, n) => size * n, 1);

/**
 * Value and slope.
 * @param round what a machine makes of a function from whose value a slope is made: near 1 little of it is left
 */
type Unary = (x: number, attributes: Attributes, round: (x: number) => number) => readonly [number, number];
/** Value, and slopes by both. */
type Binary = (a: number, b: number) => readonly [number, number, number];

const number = (value: unknown, fallback: number): number => (typeof value === 'number' ? value : fallback);
const numbers = (value: unknown): readonly number[] | undefined =>
  Array.isArray(value) ? (value as readonly number[]) : undefined;

/** 0.5 x (1 + tanh(k (x + c x³))), the form of section 4. */
const gelu: Unary = (x, _, round) => {
  const [k, c] = [Math.sqrt(2 / Math.PI), 0.044715];
  const t = round(Math.tanh(k * (x + c * x ** 3)));
  return [0.5 * x * (1 + t), 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * k * (1 + 3 * c * x * x)];
};

const tanh: Unary = (x, _, round) => {
  const t = round(Math.tanh(x));
  return [t, 1 - t * t];
};

const sigmoid: Unary = (x, _, round) => {
  const s = round(1 / (1 + Math.exp(-x)));
  return [s, s * (1 - s)];
};

const silu: Unary = (x, attributes, round) => {
  const [s] = sigmoid(x, attributes, round);
  return [x * s, s * (1 + x * (1 - s))];
};

const unary: Readonly<Record<string, Unary>> = {
  neg: (x) => [-x, -1],
  abs: (x) => [Math.abs(x), Math.sign(x)],
  sign: (x) => [Math.sign(x), 0],
  exp: (x) => [Math.exp(x), Math.exp(x)],
  log: (x) => [Math.log(x), 1 / x],
  sqrt: (x) => [Math.sqrt(x), 0.5 / Math.sqrt(x)],
  square: (x) => [x * x, 2 * x],
  sin: (x) => [Math.sin(x), Math.cos(x)],
  cos: (x) => [Math.cos(x), -Math.sin(x)],
  tanh,
  sigmoid,
  relu: (x) => (x > 0 ? [x, 1] : [0, 0]),
  leaky_relu: (x, { slope }) => (x > 0 ? [x, 1] : [number(slope, 0.01) * x, number(slope, 0.01)]),
  gelu,
  silu,
  step: (x) => [x > 0 ? 1 : 0, 0],
};

const test = (holds: boolean): readonly [number, number, number] => [holds ? 1 : 0, 0, 0];

const binary: Readonly<Record<string, Binary>> = {
  add: (a, b) => [a + b, 1, 1],
  sub: (a, b) => [a - b, 1, -1],
  mul: (a, b) => [a * b, b, a],
  div: (a, b) => [a / b, 1 / b, -a / (b * b)],
  // The exponent is a number in every energy and link of the library: its slope is asked for by nobody.
  pow: (a, b) => [a ** b, b * a ** (b - 1), 0],
  max: (a, b) => (a >= b ? [a, 1, 0] : [b, 0, 1]),
  min: (a, b) => (a <= b ? [a, 1, 0] : [b, 0, 1]),
  greater: (a, b) => test(a > b),
  greater_equal: (a, b) => test(a >= b),
  less: (a, b) => test(a < b),
  less_equal: (a, b) => test(a <= b),
  equal: (a, b) => test(a === b),
};

/** @param leaves what stands for each name; of any shape that broadcasts as the expression's own would */
export function evaluate(tape: Tape, expr: Expr, leaves: Leaves): Cells {
  if (expr.kind === 'constant') return tape.leaves([], [expr.value]);
  if (expr.kind === 'leaf') return leaves(expr.name);
  const { op, attributes } = expr;
  const args = expr.args.map((arg) => evaluate(tape, arg, leaves));
  const [first, second] = args as [Cells, Cells];
  const one = unary[op];
  if (one) {
    const at = first.at.map((cell) => {
      const [value, slope] = one(tape.read(cell), attributes, tape.roundFunction);
      return tape.unary(cell, value, slope);
    });
    return { shape: first.shape, at };
  }
  const two = binary[op];
  if (two) {
    const shape = common(first.shape, second.shape);
    const right = spread(second, shape);
    const at = spread(first, shape).map((a, i) => {
      const b = right[i] as Cell;
      const [value, slopeA, slopeB] = two(tape.read(a), tape.read(b));
      return tape.binary(a, b, value, slopeA, slopeB);
    });
    return { shape, at };
  }
  switch (op) {
    case 'select': {
      const shape = args.map((a) => a.shape).reduce(common);
      const [, yes, no] = args.map((a) => spread(a, shape)) as [unknown, readonly Cell[], readonly Cell[]];
      const at = spread(first, shape).map((c, i) => (tape.read(c) !== 0 ? yes : no)[i] as Cell);
      return { shape, at };
    }
    case 'matmul':
      return matmul(tape, first, second, attributes);
    case 'reshape':
      return { shape: expr.shape, at: attributes.oneWay === true ? tape.leaves([], tape.numbers(first)).at : first.at };
    case 'broadcast':
      return { shape: expr.shape, at: spread(first, expr.shape) };
    case 'transpose':
      return transpose(first, attributes);
    case 'sum':
    case 'mean':
    case 'amax':
      return reduce(tape, op, first, attributes);
    case 'softmax':
    case 'log_softmax':
      return shares(tape, op, first, attributes);
    case 'layer_norm':
      return normalised(tape, first, attributes);
    case 'range':
      return tape.leaves(
        expr.shape,
        Array.from({ length: sizeOf(expr.shape) }, (_, i) => i),
      );
    case 'one_hot': {
      const depth = number(attributes.depth, 1);
      const rows = tape
        .numbers(first)
        .map((id) => Array.from({ length: depth }, (_, i) => (Math.floor(id) === i ? 1 : 0)));
      return tape.leaves([...first.shape, depth], rows.flat());
    }
    default:
      throw new Error(`the interpreter of the models knows no ${op}`);
  }
}

/** The shape that two tensors broadcast to. */
function common(a: Shape, b: Shape): Shape {
  if (a.length === b.length && a.every((n, axis) => n === b[axis])) return a;
  const rank = Math.max(a.length, b.length);
  const from = (shape: Shape, axis: number): number => shape[axis - rank + shape.length] ?? 1;
  return Array.from({ length: rank }, (_, axis) => Math.max(from(a, axis), from(b, axis)));
}

/** The cells of a tensor that is repeated to a shape. */
export function spread({ shape, at }: Cells, wide: Shape): readonly Cell[] {
  const [first] = at;
  if (at.length === sizeOf(wide)) return at;
  if (at.length === 1 && first !== undefined) return new Array<Cell>(sizeOf(wide)).fill(first);
  return Array.from({ length: sizeOf(wide) }, (_, element) => {
    let [rest, from, stride] = [element, 0, 1];
    for (let axis = wide.length - 1; axis >= 0; axis--) {
      const own = shape[axis - wide.length + shape.length] ?? 1;
      const index = rest % (wide[axis] as number);
      rest = Math.floor(rest / (wide[axis] as number));
      if (own > 1) from += index * stride;
      stride *= own;
    }
    return at[from] as Cell;
  });
}

/** Of two matrices; nothing here has more axes. */
function matmul(tape: Tape, a: Cells, b: Cells, { ta, tb }: Attributes): Cells {
  if (a.shape.length !== 2 || b.shape.length !== 2) throw new Error('the interpreter multiplies matrices alone');
  const [left, right] = [ta === true ? transpose(a, {}) : a, tb === true ? transpose(b, {}) : b];
  const [m, k] = left.shape as [number, number];
  const n = right.shape[1] as number;
  const at: Cell[] = [];
  for (let i = 0; i < m; i++)
    for (let j = 0; j < n; j++) {
      let sum: Cell | undefined;
      for (let l = 0; l < k; l++) {
        const term = tape.mul(left.at[i * k + l] as Cell, right.at[l * n + j] as Cell);
        sum = sum === undefined ? term : tape.add(sum, term);
      }
      at.push(sum ?? tape.leaf(0));
    }
  return { shape: [m, n], at };
}

function transpose({ shape, at }: Cells, { order }: Attributes): Cells {
  if (shape.length !== 2 || (numbers(order) ?? [1, 0]).join() !== '1,0') throw new Error('no such transposition');
  const [rows, columns] = shape as [number, number];
  return {
    shape: [columns, rows],
    at: at.map((_, i) => at[(i % rows) * columns + Math.floor(i / rows)] as Cell),
  };
}

/** Numbers of the elements that each element of the shape without these axes stands for. */
function groups(shape: Shape, axes: readonly number[]): number[][] {
  const found = new Map<string, number[]>();
  for (let element = 0; element < sizeOf(shape); element++) {
    let rest = element;
    const index = shape.map(() => 0);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis] = axes.includes(axis) ? 0 : rest % (shape[axis] as number);
      rest = Math.floor(rest / (shape[axis] as number));
    }
    const key = index.join();
    found.set(key, [...(found.get(key) ?? []), element]);
  }
  return [...found.values()];
}

const axisOf = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

function reduce(tape: Tape, op: 'sum' | 'mean' | 'amax', { shape, at }: Cells, { axes, keep }: Attributes): Cells {
  const gone = (numbers(axes) ?? shape.map((_, i) => i)).map((axis) => axisOf(axis, shape.length));
  const cells = groups(shape, gone).map((group) => {
    const members = group.map((i) => at[i] as Cell);
    if (op === 'sum') return tape.sum(members);
    if (op === 'mean') return tape.mul(tape.sum(members), tape.leaf(1 / members.length));
    const top = Math.max(...members.map((cell) => tape.read(cell)));
    // Of equal ones all pass the gradient: the value of the first, the slopes of the rest.
    const [first, ...rest] = members.filter((cell) => tape.read(cell) === top) as [Cell, ...Cell[]];
    return rest.reduce((found, cell) => tape.binary(found, cell, top, 1, 1), first);
  });
  const left = shape.flatMap((n, axis) => (gone.includes(axis) ? (keep === true ? [1] : []) : [n]));
  return { shape: left, at: cells };
}

/** Along the last axis: less the mean, divided by the root of the mean square plus epsilon. */
function normalised(tape: Tape, { shape, at }: Cells, { epsilon }: Attributes): Cells {
  const found: Cell[] = [];
  for (const group of groups(shape, [shape.length - 1])) {
    const share = 1 / group.length;
    const mean = (cells: readonly Cell[]): Cell => {
      const sum = tape.sum(cells);
      return tape.unary(sum, tape.read(sum) * share, share);
    };
    const middle = mean(group.map((i) => at[i] as Cell));
    const less = group.map((i) =>
      tape.binary(at[i] as Cell, middle, tape.read(at[i] as Cell) - tape.read(middle), 1, -1),
    );
    const variance = mean(less.map((l) => tape.unary(l, tape.read(l) ** 2, 2 * tape.read(l))));
    const spread = tape.read(variance) + number(epsilon, 1e-5);
    const scale = tape.unary(variance, spread ** -0.5, -0.5 * spread ** -1.5);
    group.forEach((element, i) => {
      const [l, s] = [tape.read(less[i] as Cell), tape.read(scale)];
      found[element] = tape.binary(less[i] as Cell, scale, l * s, s, l);
    });
  }
  return { shape, at: found };
}

function shares(tape: Tape, op: 'softmax' | 'log_softmax', { shape, at }: Cells, { axis }: Attributes): Cells {
  const found: Cell[] = [];
  for (const group of groups(shape, [axisOf(number(axis, -1), shape.length)])) {
    const top = tape.leaf(-Math.max(...group.map((i) => tape.read(at[i] as Cell))));
    const less = group.map((i) => tape.add(at[i] as Cell, top));
    const exp = less.map((cell) => tape.unary(cell, Math.exp(tape.read(cell)), Math.exp(tape.read(cell))));
    const total = tape.sum(exp);
    const sum = tape.read(total);
    group.forEach((element, i) => {
      const [e, l] = [exp[i] as Cell, less[i] as Cell];
      const value = tape.read(e) / sum;
      found[element] =
        op === 'softmax'
          ? tape.binary(e, total, value, 1 / sum, -value / sum)
          : tape.binary(l, total, tape.read(l) - Math.log(sum), 1, -1 / sum);
    });
  }
  return { shape, at: found };
}
