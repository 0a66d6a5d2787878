import { expect, test } from 'vitest';
import { MAX_BORDER_VALUE, sendProblem, valueProblem } from '../../runtime/wire/border-values.ts';
import { largestAmount } from '../../runtime/wire/largest-amount.ts';

/** The f32 behind a positive one. */
function after(value: number): number {
  const float = Float32Array.of(value);
  const bits = new Int32Array(float.buffer);
  bits[0] = (bits[0] ?? 0) + 1;
  return float[0] ?? Number.NaN;
}

const LARGEST = Math.fround(MAX_BORDER_VALUE);

test.each([
  [LARGEST, undefined],
  [-LARGEST, undefined],
  [-0, undefined],
  [1e-45, undefined],
  [after(LARGEST), 'range'],
  [-after(LARGEST), 'range'],
  [3e38, 'range'],
  [Number.POSITIVE_INFINITY, 'not-finite'],
  [Number.NEGATIVE_INFINITY, 'not-finite'],
  [Number.NaN, 'not-finite'],
  [-Number.NaN, 'not-finite'],
])('%f is found at every place of a tensor: %s', (value, problem) => {
  for (let length = 1; length <= 9; length++)
    for (let at = 0; at < length; at++) {
      // Not where the memory begins.
      const values = new Float32Array(length + 1).subarray(1).fill(-1);
      values[at] = value;
      expect(valueProblem(values)).toBe(problem);
      expect(valueProblem(Float64Array.from(values))).toBe(problem);
    }
});

test('a value is found at every place of a tensor that is looked through in pieces', () => {
  // A whole piece, a round, and a rest behind it.
  const values = new Float32Array(64 * 1024 + 16 + 3);
  expect(valueProblem(values.fill(-LARGEST))).toBeUndefined();
  for (const at of [0, 3, 4, 15, 16, 63, 64, 65_535, 65_536, 65_551, 65_552, 65_554]) {
    for (const value of [after(LARGEST), Number.NEGATIVE_INFINITY, Number.NaN]) {
      values[at] = value;
      expect(valueProblem(values)).toBe(Number.isFinite(value) ? 'range' : 'not-finite');
    }
    values[at] = 0;
    expect(valueProblem(values)).toBeUndefined();
  }
  const random = Float32Array.from({ length: 1000 }, (_, i) => Math.sin(i) * 1e5 ** Math.cos(3 * i));
  for (let length = 0; length < 100; length++) {
    const part = random.subarray(length, 2 * length);
    const largest = part.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    expect(largestAmount(part)).toBe(new Int32Array(Float32Array.of(largest).buffer)[0]);
  }
});

test('the largest value that becomes f16 is the last that is not rounded to infinity', () => {
  const most = 65_519.99609375;
  expect(sendProblem(Float32Array.of(1, most, -most), 'f16')).toBeUndefined();
  expect(sendProblem(Float32Array.of(1, after(most)), 'f16')).toBe('range');
  expect(sendProblem(Float32Array.of(1, after(most)), 'f32')).toBeUndefined();
  expect(valueProblem(new Float32Array(0))).toBeUndefined();
});
