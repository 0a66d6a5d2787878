/** A rate is told by everything that was seen of it, and by nothing of what lies between two spans. */
import { expect, test } from 'vitest';
import { type Point, slopeOf } from '../../acceptance/slope.ts';

const seen = (times: readonly number[], amounts: readonly number[]): Point[] =>
  times.map((time, i) => [time, amounts[i] ?? Number.NaN]);

test('of two looks it is their difference, of several the nearest line', () => {
  expect(slopeOf([seen([1, 3], [10, 16])])).toBeCloseTo(3);
  expect(slopeOf([seen([0, 1, 2, 3, 4], [0, 2.9, 6.2, 9.1, 11.8])])).toBeCloseTo(2.98);
});

test('one look that is late moves it less than it moves the difference of the last and the first', () => {
  const amounts = [0, 100, 200, 300, 400, 500, 600];
  const late = slopeOf([seen([0, 1, 2, 3, 4, 5, 6.5], amounts)]);
  expect(Math.abs(late - 100)).toBeLessThan(Math.abs(600 / 6.5 - 100));
});

test('the time between two spans does not count, and each counts by its length', () => {
  expect(slopeOf([seen([0, 2], [0, 8]), seen([100, 102], [0, 8])])).toBeCloseTo(4);
  expect(slopeOf([seen([0, 1], [0, 1]), seen([50, 52], [7, 15])])).toBeCloseTo((0.5 * 1 + 2 * 4) / 2.5);
});
