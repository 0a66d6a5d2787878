/** Operators element by element, as WGSL expressions. */
import type { FlatOp } from './flat.ts';
import type { WgslFunction } from './functions.ts';
import { literal } from './functions.ts';
import type { WgslLowering } from './lowering.ts';
import type { ModuleWriter } from './writer.ts';

const written = (text: (...args: string[]) => string): WgslLowering => ({
  kind: 'elementwise',
  write: (args) => text(...args),
});
const called = (name: WgslFunction, text: (x: string, y: string) => string): WgslLowering => ({
  kind: 'elementwise',
  write: ([x = '', y = ''], _op, w) => {
    w.need(name);
    return text(x, y);
  },
});
const drawn = (by: 'normal_at' | 'uniform_at'): WgslLowering => ({
  kind: 'elementwise',
  write: ([element = '', row = '', key = ''], _op, w) => {
    w.need(by);
    return `${by}(${element}, ${row}, ${key})`;
  },
});
const compared = (sign: string): WgslLowering => written((a, b) => `select(0.0, 1.0, ${a} ${sign} ${b})`);

function leaky([x = '']: readonly string[], { attributes }: FlatOp, w: ModuleWriter): string {
  const slope = typeof attributes.slope === 'number' ? attributes.slope : 0.01;
  const held = w.let('v', x);
  return `select(${literal(slope)} * ${held}, ${held}, ${held} > 0.0)`;
}

export const elementwiseLowerings = {
  neg: written((x) => `-(${x})`),
  abs: written((x) => `abs(${x})`),
  sign: called('signed', (x) => `signed(${x})`),
  exp: called('exponential', (x) => `exponential(${x})`),
  log: called('logarithm', (x) => `logarithm(${x})`),
  sqrt: written((x) => `sqrt(${x})`),
  square: written((x) => `${x} * ${x}`),
  cos: called('reduced', (x) => `sine_from(${x}, 1)`),
  sin: called('reduced', (x) => `sine_from(${x}, 0)`),
  tanh: called('hyperbolic', (x) => `hyperbolic(${x})`),
  sigmoid: called('logistic', (x) => `logistic(${x})`),
  relu: called('larger', (x) => `larger(0.0, ${x})`),
  step: called('positive', (x) => `positive(${x})`),
  leaky_relu: { kind: 'elementwise', write: leaky },
  gelu: called('gelu', (x) => `gelu(${x})`),
  gelu_slope: called('gelu_slope', (x) => `gelu_slope(${x})`),
  silu: called('logistic', (x) => `${x} * logistic(${x})`),
  add: written((a, b) => `${a} + ${b}`),
  sub: written((a, b) => `${a} - ${b}`),
  mul: written((a, b) => `${a} * ${b}`),
  div: written((a, b) => `${a} / ${b}`),
  pow: called('power', (a, b) => `power(${a}, ${b})`),
  max: called('larger', (a, b) => `larger(${a}, ${b})`),
  min: called('smaller', (a, b) => `smaller(${a}, ${b})`),
  greater: compared('>'),
  greater_equal: compared('>='),
  less: compared('<'),
  less_equal: compared('<='),
  equal: compared('=='),
  mod: written((a, b) => `${a} - ${b} * floor(${a} / ${b})`),
  noise: drawn('normal_at'),
  chance: drawn('uniform_at'),
  select: written((c, a, b) => `select(${b}, ${a}, ${c} != 0.0)`),
} satisfies Record<string, WgslLowering>;
