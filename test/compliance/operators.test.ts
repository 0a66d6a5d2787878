import { describe, expect, test } from 'vitest';
import { verify } from '../../compiler/5-program/verify.ts';
import type { ReferenceTensor } from '../../compiler/operators/operator.ts';
import { type OperatorName, operators } from '../../compiler/operators/table.ts';
import { openReference } from '../support/reference.ts';
import { caseProgram, compareDevices, gradientSeed, runCases } from './harness.ts';
import { type OperatorCase, operatorCases } from './operators.ts';

const cases = operatorCases();
const names = Object.keys(operators) as OperatorName[];
/** Its derivative is never taken: it only stands in the derivative of another. */
const UNDIFFERENTIATED = new Set<OperatorName>(['gelu_slope']);

function value(c: OperatorCase, args: readonly ReferenceTensor[]): Float64Array {
  const row = operators[c.operator];
  const shape = row.shape(
    args.map((a) => a.shape),
    c.attributes,
  );
  return row.reference(args, c.attributes, shape);
}

/** d sum(seed · y) / d x, by central differences in f64; a sample of the elements of large arguments. */
function differences(c: OperatorCase, position: number): { element: number; slope: number }[] {
  const seed = gradientSeed(c);
  const size = c.args[position]?.data.length ?? 0;
  const stride = Math.max(1, Math.floor(size / 24));
  const found: { element: number; slope: number }[] = [];
  const at = (element: number, x: number): number => {
    const args = c.args.map((a) => ({ shape: a.shape, data: Float64Array.from(a.data) }));
    const data = args[position]?.data;
    if (data) data[element] = x;
    return value(c, args).reduce((sum, y, i) => sum + y * (seed[i] as number), 0);
  };
  for (let element = 0; element < size; element += stride) {
    const x = c.args[position]?.data[element] ?? 0;
    const h = 1e-5 * Math.max(1, Math.abs(x));
    found.push({ element, slope: (at(element, x + h) - at(element, x - h)) / (2 * h) });
  }
  return found;
}

describe.each(names)('%s', (name) => {
  const own = cases.filter((c) => c.operator === name);

  test('has every column of the table and a case for every attribute', () => {
    const row = operators[name];
    expect(own.length).toBeGreaterThan(2);
    for (const c of own) {
      const shapes = c.args.map((a) => a.shape);
      if (row.arity === 'many') expect(shapes.length).toBeGreaterThan(0);
      else expect(shapes).toHaveLength(row.arity);
      expect(row.flops(shapes, row.shape(shapes, c.attributes), c.attributes)).toBeGreaterThanOrEqual(0);
      for (const attribute of Object.keys(c.attributes)) expect(Object.keys(row.attributes)).toContain(attribute);
    }
    // Every attribute that the row documents is used by a case.
    for (const attribute of Object.keys(row.attributes))
      expect(
        own.some((c) => attribute in c.attributes),
        attribute,
      ).toBe(true);
  });

  test('has a reference that gives finite numbers', async () => {
    verify(caseProgram(own));
    for (const [i, results] of (await runCases(openReference, own)).entries())
      for (const [result, found] of Object.entries(results))
        expect(found.every(Number.isFinite), `${own[i]?.name}: ${result}`).toBe(true);
  });

  test('has the derivative that finite differences give', async () => {
    const results = await runCases(openReference, own);
    for (const [i, c] of own.entries()) {
      if (!c.smooth || UNDIFFERENTIATED.has(name)) continue;
      // What sends no gradient back has none, whatever differences find.
      if (c.attributes.oneWay === true) {
        expect(results[i]?.['slope.0']?.every((x) => x === 0) ?? true, c.name).toBe(true);
        continue;
      }
      c.args.forEach((_, position) => {
        const gradient = results[i]?.[`slope.${position}`];
        for (const { element, slope } of differences(c, position)) {
          const analytic = gradient ? (gradient[element] as number) : 0;
          const error = Math.abs(analytic - slope) / Math.max(1, Math.abs(slope));
          expect(error, `${c.name}: argument ${position}, element ${element}`).toBeLessThan(2e-7);
        }
      });
    }
  });
});

test('the comparison notices a device that is wrong', async () => {
  const few = cases.filter((c) => c.operator === 'tanh');
  const same = await compareDevices(openReference, openReference, few);
  expect(Math.max(...same.map((s) => s.error))).toBe(0);
  const wrong: typeof openReference = async (program) => {
    const session = await openReference(program);
    const run: typeof session.run = async (...call) => {
      const results = await session.run(...call);
      return Object.fromEntries(Object.entries(results).map(([k, v]) => [k, v.map((x) => x * 1.001)]));
    };
    return { ...session, run };
  };
  const found = await compareDevices(wrong, openReference, few);
  for (const f of found.filter((each) => each.name.endsWith('value'))) expect(f.error, f.name).toBeGreaterThan(1e-6);
});
