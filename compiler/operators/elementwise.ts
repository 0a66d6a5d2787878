/** Operators that work element by element, with broadcasting. */

import type { Attributes } from '../../spec/program.ts';
import { sizeOf } from '../../spec/program.ts';
import { broadcastData, broadcastShapes, sumTo } from './broadcast.ts';
import type { Emit, Operator, Value } from './operator.ts';

type UnaryDerivative = (x: Value, y: Value, g: Value, e: Emit, attributes: Attributes) => Value | null;

function unary(
  f: (x: number, attributes: Attributes) => number,
  derivative: UnaryDerivative,
  flops = 1,
  attributes: Record<string, string> = {},
): Operator {
  return {
    arity: 1,
    attributes,
    elementwise: true,
    shape: ([x]) => x ?? [],
    reference: ([x], a) => (x?.data ?? new Float64Array()).map((v) => f(v, a)),
    derivative: ([x], y, g, e, a) => [x ? derivative(x, y, g, e, a) : null],
    flops: (_, shape) => flops * sizeOf(shape),
  };
}

type Part = (a: Value, b: Value, y: Value, g: Value, e: Emit) => Value | null;
/** With respect to the first argument, and to the second. */
type BinaryDerivative = readonly [Part, Part];

function binary(f: (a: number, b: number) => number, derivative: BinaryDerivative, flops = 1): Operator {
  return {
    arity: 2,
    attributes: {},
    elementwise: true,
    shape: ([a, b]) => broadcastShapes(a ?? [], b ?? []),
    reference: (args, _, shape) => {
      const [a, b] = args.map((t) => broadcastData(t, shape)) as [Float64Array, Float64Array];
      return a.map((v, i) => f(v, b[i] as number));
    },
    derivative: (args, y, g, e, _, wanted) => {
      const [a, b] = args as [Value, Value];
      return derivative.map((part, i) => {
        const found = wanted?.[i] === false ? null : part(a, b, y, g, e);
        return found && sumTo(e, found, (args[i] as Value).shape);
      });
    },
    flops: (_, shape) => flops * sizeOf(shape),
  };
}

const number = (attributes: Attributes, name: string, fallback: number): number => {
  const value = attributes[name];
  return typeof value === 'number' ? value : fallback;
};

/** gelu in its tanh form (Hendrycks and Gimpel 2016, section 2): 0.5 x (1 + tanh(k (x + c x^3))). */
const GELU_K = Math.sqrt(2 / Math.PI);
const GELU_C = 0.044715;
const geluTanh = (x: number): number => Math.tanh(GELU_K * (x + GELU_C * x * x * x));
const geluSlope = (x: number): number => {
  const t = geluTanh(x);
  return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * GELU_K * (1 + 3 * GELU_C * x * x);
};
const sigmoid = (x: number): number => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)));
/** As IEEE 754-2019, section 9.2.1, has it: 1 to any power is 1, and so is -1 to an infinite one, unlike with `**`. */
const power = (a: number, b: number): number => (a === 1 || (a === -1 && Math.abs(b) === Infinity) ? 1 : a ** b);
/** The gradient where the comparison of both arguments holds. */
const masked =
  (comparison: string): Part =>
  (a, b, _y, g, e) =>
    e.op('mul', [g, e.op(comparison, [a, b])]);
const none: BinaryDerivative = [() => null, () => null];

export const elementwiseOperators = {
  neg: unary(
    (x) => -x,
    (_x, _y, g, e) => e.op('neg', [g]),
  ),
  abs: unary(Math.abs, (x, _y, g, e) => e.op('mul', [g, e.op('sign', [x])])),
  sign: unary(Math.sign, () => null),
  exp: unary(Math.exp, (_x, y, g, e) => e.op('mul', [g, y]), 8),
  log: unary(Math.log, (x, _y, g, e) => e.op('div', [g, x]), 8),
  sqrt: unary(Math.sqrt, (_x, y, g, e) => e.op('div', [e.op('mul', [g, e.constant(0.5)]), y]), 4),
  square: unary(
    (x) => x * x,
    (x, _y, g, e) => e.op('mul', [g, e.op('mul', [x, e.constant(2)])]),
  ),
  cos: unary(Math.cos, (x, _y, g, e) => e.op('neg', [e.op('mul', [g, e.op('sin', [x])])]), 8),
  sin: unary(Math.sin, (x, _y, g, e) => e.op('mul', [g, e.op('cos', [x])]), 8),
  tanh: unary(Math.tanh, (_x, y, g, e) => e.op('mul', [g, e.op('sub', [e.constant(1), e.op('square', [y])])]), 8),
  sigmoid: unary(sigmoid, (_x, y, g, e) => e.op('mul', [g, e.op('mul', [y, e.op('sub', [e.constant(1), y])])]), 8),
  relu: unary(
    (x) => Math.max(0, x),
    (x, _y, g, e) => e.op('mul', [g, e.op('step', [x])]),
  ),
  /** 1 where x > 0, else 0; NaN stays NaN. */
  step: unary(
    (x) => (x > 0 ? 1 : Number.isNaN(x) ? x : 0),
    () => null,
  ),
  leaky_relu: unary(
    (x, a) => (x > 0 ? x : number(a, 'slope', 0.01) * x),
    (x, _y, g, e, a) => {
      const slope = number(a, 'slope', 0.01);
      return e.op('mul', [g, e.op('select', [e.op('step', [x]), e.constant(1), e.constant(slope)])]);
    },
    2,
    { slope: 'factor of negative inputs' },
  ),
  gelu: unary(
    (x) => 0.5 * x * (1 + geluTanh(x)),
    (x, _y, g, e) => e.op('mul', [g, e.op('gelu_slope', [x])]),
    14,
  ),
  /** d gelu / dx; only ever read inside a first derivative. */
  gelu_slope: { ...unary(geluSlope, () => null, 20), internal: true },
  silu: unary(
    (x) => x * sigmoid(x),
    (x, y, g, e) => {
      const s = e.op('sigmoid', [x]);
      return e.op('mul', [g, e.op('add', [s, e.op('mul', [y, e.op('sub', [e.constant(1), s])])])]);
    },
    10,
  ),
  add: binary((a, b) => a + b, [(_a, _b, _y, g) => g, (_a, _b, _y, g) => g]),
  sub: binary((a, b) => a - b, [(_a, _b, _y, g) => g, (_a, _b, _y, g, e) => e.op('neg', [g])]),
  mul: binary((a, b) => a * b, [(_a, b, _y, g, e) => e.op('mul', [g, b]), (a, _b, _y, g, e) => e.op('mul', [g, a])]),
  div: binary(
    (a, b) => a / b,
    [
      (_a, b, _y, g, e) => e.op('div', [g, b]),
      (_a, b, y, g, e) => e.op('neg', [e.op('div', [e.op('mul', [g, y]), b])]),
    ],
  ),
  pow: binary(
    power,
    [
      (a, b, _y, g, e) => e.op('mul', [g, e.op('mul', [b, e.op('pow', [a, e.op('sub', [b, e.constant(1)])])])]),
      (a, _b, y, g, e) => e.op('mul', [g, e.op('mul', [y, e.op('log', [a])])]),
    ],
    16,
  ),
  max: binary(Math.max, [masked('greater_equal'), masked('less')]),
  min: binary(Math.min, [masked('less_equal'), masked('greater')]),
  greater: binary((a, b) => (a > b ? 1 : 0), none),
  greater_equal: binary((a, b) => (a >= b ? 1 : 0), none),
  less: binary((a, b) => (a < b ? 1 : 0), none),
  less_equal: binary((a, b) => (a <= b ? 1 : 0), none),
  equal: binary((a, b) => (a === b ? 1 : 0), none),
  mod: binary(
    (a, b) => a - b * Math.floor(a / b),
    [(_a, _b, _y, g) => g, (a, b, y, g, e) => e.op('div', [e.op('mul', [g, e.op('sub', [y, a])]), b])],
  ),
  /** select(c, a, b): a where c is not 0, else b; nothing of the other branch passes, not even NaN. */
  select: {
    arity: 3,
    attributes: {},
    elementwise: true,
    shape: ([c, a, b]) => broadcastShapes(broadcastShapes(c ?? [], a ?? []), b ?? []),
    reference: (args, _, shape) => {
      const [c, a, b] = args.map((t) => broadcastData(t, shape)) as [Float64Array, Float64Array, Float64Array];
      return c.map((v, i) => (v !== 0 ? (a[i] as number) : (b[i] as number)));
    },
    derivative: (args, _y, g, e) => {
      const [c, a, b] = args as [Value, Value, Value];
      const zero = e.constant(0);
      return [null, sumTo(e, e.op('select', [c, g, zero]), a.shape), sumTo(e, e.op('select', [c, zero, g]), b.shape)];
    },
    flops: (_, shape) => sizeOf(shape),
  },
} satisfies Record<string, Operator>;
