/**
 * Tensors that are larger than one binding, on a device that is told to bind little: the same bits as where each has a
 * binding of its own.
 */
import { expect, test } from 'vitest';
import { TooManyParts } from '../../compiler/7-kernels/wgsl/parts.ts';
import { type OperatorName, operators } from '../../compiler/operators/table.ts';
import { sizeOf } from '../../spec/program.ts';
import { openWebGpu } from '../support/webgpu.ts';
import { openInParts } from '../support/webgpu-parts.ts';
import { caseProgram, largestError, runCases } from './harness.ts';
import { type OperatorCase, operatorCases } from './operators.ts';

/** Parts of the largest tensor of a case, tried in this order; an operation of three tensors binds no more. */
const PARTS = [3, 2];

function largest({ args, operator, attributes }: OperatorCase): number {
  const shapes = args.map((a) => a.shape);
  return Math.max(...[...shapes, operators[operator].shape(shapes, attributes)].map(sizeOf));
}

test.each(Object.keys(operators) as OperatorName[])(
  '%s gives what the reference gives on tensors in parts',
  { timeout: 120_000 },
  async (name) => {
    const cases = operatorCases().filter((c) => c.operator === name && largest(c) > 1);
    let split = 0;
    for (const c of cases) {
      const inParts = await runInParts(c);
      if (!inParts) continue;
      split++;
      const [wanted = {}] = await runCases(openWebGpu, [c]);
      for (const [result, values] of Object.entries(wanted))
        expect(largestError(inParts[result] ?? [], values), `${c.name}: ${result}`).toBe(0);
    }
    expect(split, 'cases in parts').toBe(cases.length);
  },
);

async function runInParts(
  c: OperatorCase,
): ReturnType<typeof runCases> extends Promise<(infer R)[]> ? Promise<R | undefined> : never {
  for (const parts of PARTS) {
    const bound = Math.ceil(largest(c) / parts);
    const { open, split } = openInParts(bound);
    try {
      const [found] = await runCases(open, [c]);
      expect(split(caseProgram([c]))).toBe(true);
      return found;
    } catch (error) {
      if (!(error instanceof TooManyParts)) throw error;
    }
  }
  return undefined;
}
