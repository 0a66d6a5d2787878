/** How far weights have moved, by what is kept of two snapshots. */
import { expect, test } from 'vitest';
import { movesBetween, PartSketch } from '../../../runtime/validation/weight-sketch.ts';
import { stream } from '../../../spec/random.ts';

const SIZE = 3000;
const weights = Float32Array.from({ length: SIZE }, (_, i) => stream(1, 'weights').normal(i));

/** In pieces of so many bytes. */
function sketch(values: Float32Array | Float64Array, secret = 7, piece = 1001) {
  const made = new PartSketch(secret);
  made.begin('w', values instanceof Float64Array ? 'F64' : 'F32');
  const bytes = new Uint8Array(values.buffer);
  for (let at = 0; at < bytes.length; at += piece) made.take(bytes.subarray(at, at + piece));
  return made.end();
}

test('a change is as long as it is, wherever it lies, however the part is cut', () => {
  const changes: readonly ((value: number, i: number) => number)[] = [
    (w, i) => w + (i === 1234 ? 2 : 0),
    (w, i) => w + 0.01 * stream(2, 'noise').normal(i),
    (w) => 1.1 * w,
    (w, i) => (i % 64 === 0 ? -w : w),
  ];
  for (const change of changes) {
    const now = weights.map(change);
    const length = Math.sqrt(now.reduce((sum, w, i) => sum + (w - (weights[i] ?? 0)) ** 2, 0) / SIZE);
    const [move] = movesBetween(sketch(weights), sketch(now, 7, 64));
    expect((move?.moved ?? 0) / length).toBeGreaterThan(0.7);
    expect((move?.moved ?? 0) / length).toBeLessThan(1.4);
  }
  expect(movesBetween(sketch(weights), sketch(weights, 7, 4))).toMatchObject([{ elements: SIZE, moved: 0 }]);
  expect(movesBetween(sketch(weights), sketch(Float64Array.from(weights)))[0]?.moved).toBe(0);
});

test('another secret gives another projection, and tensors of another size are not compared', () => {
  expect(movesBetween(sketch(weights, 7), sketch(weights, 9))[0]?.moved).toBeGreaterThan(0.5);
  expect(movesBetween(sketch(weights), sketch(weights.slice(1)))).toEqual([]);
});
