import { expect, test } from 'vitest';
import { type OperatorName, operators } from '../../compiler/operators/table.ts';
import { openReference } from '../support/reference.ts';
import { openLaunches } from '../support/webgpu.ts';
import { compareDevices } from './harness.ts';
import { operatorCases } from './operators.ts';

const BOUND = 1e-5;

test.each(Object.keys(operators) as OperatorName[])(
  '%s on the webgpu device gives what the reference gives',
  async (name) => {
    const cases = operatorCases().filter((c) => c.operator === name);
    const found = await compareDevices(openLaunches, openReference, cases);
    expect(found.length).toBeGreaterThan(0);
    for (const { name: what, error } of found) expect(error, what).toBeLessThanOrEqual(BOUND);
  },
);
