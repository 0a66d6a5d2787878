/** What a shard says of the frames that it gets. */
import { expect, test } from 'vitest';
import { BorderWatch, MAX_SEEN } from '../../../runtime/validation/border-watch.ts';
import { stream } from '../../../spec/random.ts';

const frame = (message: number, ...values: number[]) => ({ message, values: [Float32Array.from(values)] });

test('sizes, zeros and values beyond a range are told by message', () => {
  const watch = new BorderWatch();
  watch.take(frame(7, 3, -4, 0, 0), 2, { low: -1, high: 3 });
  watch.take(frame(7, 5, 0, 0, 0), 2, { low: -1, high: 3 });
  watch.take(frame(3, 1, 2), 1);
  expect(watch.seen()).toMatchObject([
    { message: 3, from: 1, frames: 1, largest: 2, beyond: 0 },
    { message: 7, from: 2, frames: 2, rms: 2.5, largest: 5, zeros: 0.625, beyond: 0.25 },
  ]);
});

test('frames that come again are counted, those that another shard has sent apart from them', () => {
  const watch = new BorderWatch();
  for (const [message, from, first] of [
    [1, 0, 1],
    [1, 0, 2],
    [1, 0, 1],
    [2, 1, 2],
    [3, 0, 1],
  ] as const)
    watch.take(frame(message, first, 5, 6), from);
  // Nodes begin at such values in each call.
  for (let i = 0; i < 3; i++) watch.take(frame(4, 0, 0, 0), 2);
  // The same shard may tell two neighbours, or one of them twice, the same.
  expect(watch.seen().map(({ message, repeated, copied }) => [message, repeated, copied])).toEqual([
    [1, 0.333333, 0],
    [2, 0, 1],
    [3, 0, 0],
    [4, 0, 0],
  ]);
});

test('the sum of frames has a direction: the same for like ones however large, the opposite for negative ones', () => {
  const values = (seed: number, factor: number) => {
    const rng = stream(seed, 'frame');
    const pattern = stream(1, 'pattern');
    return Float64Array.from({ length: 5000 }, (_, i) => factor * (pattern.normal(i) + 0.3 * rng.normal(i)));
  };
  const sketchOf = (seed: number, factor: number) => {
    const watch = new BorderWatch();
    watch.take({ message: 0, values: [values(seed, factor)] }, 1);
    return watch.seen()[0]?.sketch ?? [];
  };
  const cosine = (a: readonly number[], b: readonly number[]) => a.reduce((sum, n, i) => sum + n * (b[i] ?? 0), 0);
  expect(cosine(sketchOf(1, 1), sketchOf(2, 50))).toBeGreaterThan(0.8);
  expect(cosine(sketchOf(1, 1), sketchOf(2, -1))).toBeLessThan(-0.8);
});

test('a seal tells of so many messages, and of frames in either precision', () => {
  const watch = new BorderWatch();
  for (let message = 0; message < 2 * MAX_SEEN; message++) watch.take(frame(message, 1, 2), 1);
  expect(watch.seen().map(({ message }) => message)).toEqual(Array.from({ length: MAX_SEEN }, (_, i) => i));
  const wide = new BorderWatch();
  for (const last of [1, 2, 1]) wide.take({ message: 0, values: [Float64Array.of(0.1, last)] }, 1);
  expect(wide.seen()).toMatchObject([{ frames: 3, repeated: 0.333333 }]);
});
