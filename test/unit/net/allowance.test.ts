/** A share of the gateway: steady, with so much at once. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Allowance } from '../../../runtime/net/allowance.ts';

test('an allowance admits some at once, then one after the other', () => {
  const allowance = new Allowance(10, 3, 0);
  expect([0, 0, 0].map((now) => allowance.take(now))).toEqual([0, 0, 0]);
  expect(allowance.take(0)).toBeCloseTo(100);
  expect(allowance.take(300)).toBe(0);
});

test('a client that waits as long as it is told never gets more than the rate', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 50 }), { minLength: 20, maxLength: 200 }), (gaps) => {
      const allowance = new Allowance(20, 5, 0);
      let now = 0;
      gaps.forEach((gap, i) => {
        now += gap;
        now += allowance.take(now);
        expect(i + 1).toBeLessThanOrEqual(5 + (now / 1000) * 20 + 1 + 1e-6);
      });
    }),
  );
});
