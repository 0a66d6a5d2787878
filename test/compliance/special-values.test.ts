/**
 * Special values, for every function of the table: whether a result is not a number, infinite, zero or finite, and its sign,
 * is the same on every device. WGSL lets an implementation assume that no value is infinite or no number (section 15.7.2),
 * so kernels look at bits where it matters. Numbers below f32's normal ones may count as zero.
 */
import { describe, expect, test } from 'vitest';
import { type OperatorName, operators } from '../../compiler/operators/table.ts';
import type { Tensor } from '../../runtime/device/device.ts';
import { sizeOf } from '../../spec/program.ts';
import { openReference } from '../support/reference.ts';
import { openLaunches } from '../support/webgpu.ts';
import { openCpu } from './cpu-device.ts';
import { runCases } from './harness.ts';
import type { OperatorArgument, OperatorCase } from './operators.ts';

const SPECIAL = [Number.NaN, Infinity, -Infinity, 0, 1, -1, 0.5, -0.5, 2, -8, 3, 1 / 3, 200, -200, 1e9, -1e9];
/** Beyond f32 in f64 as in f32, or well within it: what lies between is rounding, not a special value. */
const LARGEST = 3.4e38;
const SMALLEST = 1.2e-38;

type Class = 'NaN' | '+inf' | '-inf' | '0' | '+' | '-';

function classOf(value: number): Class {
  if (Number.isNaN(value)) return 'NaN';
  if (Math.abs(value) > LARGEST) return value > 0 ? '+inf' : '-inf';
  if (Math.abs(value) < SMALLEST) return '0';
  return value > 0 ? '+' : '-';
}

/** Arguments for which the class of a result is chance: f32 rounds their quotient differently, or has no turns left. */
const CHANCE: Partial<Record<OperatorName, (...x: number[]) => boolean>> = {
  sin: (x) => Math.abs(x) > 1e5,
  cos: (x) => Math.abs(x) > 1e5,
  mod: (a, b) => Math.abs(a / b) > 1e5 || Math.abs(b) === Math.fround(1 / 3),
};
const isFiniteClass = (c: Class): boolean => c === '0' || c === '+' || c === '-';

const args = (shape: readonly number[], ...data: readonly ArrayLike<number>[]): OperatorArgument[] =>
  data.map((values) => ({ shape, data: Float32Array.from(values) }));

function caseOf(operator: OperatorName, given: readonly OperatorArgument[], attributes = {}): OperatorCase {
  return { operator, name: `${operator} ${JSON.stringify(attributes)}`, args: given, attributes, smooth: false };
}

/** But what is a function of counters alone, which the compiler writes. */
const elementwise = (Object.keys(operators) as OperatorName[]).filter(
  (name) => operators[name].elementwise && name !== 'noise' && name !== 'chance',
);

/** Every special value, or every pair of them; three arguments are a condition and a pair. */
function elementwiseCase(operator: OperatorName): OperatorCase {
  const { arity } = operators[operator];
  const n = SPECIAL.length;
  if (arity === 1) return caseOf(operator, args([n], SPECIAL));
  const left = SPECIAL.flatMap((a) => SPECIAL.map(() => a));
  const right = SPECIAL.flatMap(() => SPECIAL);
  if (arity === 2) return caseOf(operator, args([n * n], left, right));
  const conditions = [...left.map(() => 1), ...left.map(() => 0)];
  return caseOf(operator, args([2 * n * n], conditions, [...left, ...left], [...right, ...right]));
}

/** Rows of ordinary numbers with one or two special values among them: first, in the middle and last. */
function rows(width: number): OperatorArgument {
  const found: number[][] = [];
  for (const a of SPECIAL)
    for (const place of [0, width >> 1, width - 1])
      for (const b of [undefined, Number.NaN, Infinity, -Infinity]) {
        const row = Array.from({ length: width }, (_, i) => 0.25 + i / 8);
        row[place] = a;
        if (b !== undefined) row[(place + 1) % width] = b;
        found.push(row);
      }
  return { shape: [found.length, width], data: Float32Array.from(found.flat()) };
}

function reductionCases(): OperatorCase[] {
  return [5, 70].flatMap((width) => {
    const x = rows(width);
    const along = (['sum', 'mean', 'amax'] as const).map((name) => caseOf(name, [x], { axes: [1] }));
    return [
      ...along,
      ...(['softmax', 'log_softmax', 'layer_norm', 'argmax'] as const).map((name) => caseOf(name, [x])),
    ];
  });
}

/** Pictures of 2 x 2 windows, of which each holds a special value or two. */
function poolingCases(): OperatorCase[] {
  const x = rows(4);
  const picture = { shape: [x.shape[0] as number, 2, 2, 1], data: x.data };
  return (['max_pool2d', 'average_pool2d'] as const).map((name) => caseOf(name, [picture], { window: 2 }));
}

/** Results by their class, and the arguments where devices disagree. */
function disagreements(c: OperatorCase, found: Tensor, wanted: Tensor): string[] {
  return Array.from(wanted, (w, i) => ({ i, found: classOf(found[i] as number), wanted: classOf(w) }))
    .filter(({ found, wanted }) => found !== wanted)
    .filter((o) => !(isFiniteClass(o.found) && isFiniteClass(o.wanted) && CHANCE[c.operator]?.(...elementsOf(c, o.i))))
    .map(({ i, found, wanted }) => `(${given(c, i)}) is ${found}, not ${wanted}`);
}

const elementsOf = (c: OperatorCase, i: number): number[] => c.args.map((a) => a.data[i % a.data.length] as number);

/** The arguments of an element, or of a row. */
function given(c: OperatorCase, i: number): string {
  if (operators[c.operator].elementwise) return elementsOf(c, i).join(', ');
  const [x] = c.args as [OperatorArgument];
  const width = sizeOf(x.shape.slice(1));
  const perRow = operators[c.operator].shape([x.shape], c.attributes).slice(1);
  const row = Math.floor(i / sizeOf(perRow));
  return [...x.data.subarray(row * width, (row + 1) * width)].filter((v) => SPECIAL.includes(v)).join(', ');
}

describe.each([
  ['cpu', openCpu],
  ['webgpu', openLaunches],
] as const)('on the %s device', (_, open) => {
  test.each(elementwise)('%s gives the class of number that the reference gives', async (operator) => {
    const c = elementwiseCase(operator);
    const [[found], [wanted]] = [await runCases(open, [c]), await runCases(openReference, [c])];
    expect(disagreements(c, found?.value as Tensor, wanted?.value as Tensor)).toEqual([]);
  });

  test.each(['sum', 'mean', 'amax', 'softmax', 'log_softmax', 'layer_norm', 'argmax', 'max_pool2d', 'average_pool2d'])(
    '%s over rows with special values gives the class of number that the reference gives',
    async (operator) => {
      const cases = [...reductionCases(), ...poolingCases()].filter((c) => c.operator === operator);
      const found = await runCases(open, cases);
      const wanted = await runCases(openReference, cases);
      const wrong = cases.flatMap((c, i) => disagreements(c, found[i]?.value as Tensor, wanted[i]?.value as Tensor));
      expect(wrong).toEqual([]);
    },
  );
});

test('a device that disagrees is found', () => {
  const c = caseOf('sqrt', args([2], [4, -1]));
  expect(disagreements(c, Float32Array.of(2, 0), Float64Array.of(2, Number.NaN))).toEqual(['(-1) is 0, not NaN']);
});
