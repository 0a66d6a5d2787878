import { expect, test } from 'vitest';
import { type OperatorName, operators } from '../../compiler/operators/table.ts';
import { openReference } from '../support/reference.ts';
import { openCpu } from './cpu-device.ts';
import { compareDevices } from './harness.ts';
import { operatorCases } from './operators.ts';

const BOUND = 1e-5;

test.each(Object.keys(operators) as OperatorName[])(
  '%s on the cpu device gives what the reference gives',
  async (name) => {
    const cases = [1, 2].flatMap((seed) => operatorCases(seed).filter((c) => c.operator === name));
    const found = await compareDevices(openCpu, openReference, cases);
    expect(found.length).toBeGreaterThan(0);
    for (const { name: what, error } of found) expect(error, what).toBeLessThanOrEqual(BOUND);
  },
);
