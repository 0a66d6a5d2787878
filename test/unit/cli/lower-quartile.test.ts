/** A trainer measures its machine while others start beside it. */
import { expect, test } from 'vitest';
import { lowerQuartile } from '../../../runtime/cli/measuring/measure.ts';

test('disturbed rounds do not count, as long as a quarter was undisturbed', () => {
  const calm = [1, 1.02, 1.01, 1.03];
  expect(lowerQuartile(calm)).toBeCloseTo(1.01);
  expect(lowerQuartile([40, ...calm, 9, 7, 30, 12, 8])).toBeCloseTo(1.02);
  expect(lowerQuartile([])).toBe(0);
});
