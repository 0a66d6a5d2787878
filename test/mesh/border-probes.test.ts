/** Two trainers measure the way between them over real sockets, behind lines that are slower than they are. */
import { afterEach, expect, test } from 'vitest';
import { probedTrainer, probing } from './probed-trainers.ts';

afterEach(() => probing.closeAll());

const [FAST, SLOW, DELAY] = [2_000_000, 500_000, 40];

test('both ends tell of each direction at most what its slower line carries, and the round trip', async () => {
  const one = await probedTrainer(1, { up: SLOW, down: FAST, delay: DELAY });
  const other = await probedTrainer(2, { up: FAST, down: FAST, delay: DELAY });
  one.measure(other);
  other.measure(one);
  const [told, alsoTold] = await Promise.all([one.told(), other.told()]);
  expect([told.key, alsoTold.key]).toEqual([other.key, one.key]);
  // A machine that is busy makes all of it slower, and nothing makes it faster.
  for (const slow of [told.sent, alsoTold.received]) expect(slow).toBeLessThan(1.3 * SLOW);
  for (const fast of [told.received, alsoTold.sent]) expect(fast).toBeLessThan(1.3 * FAST);
  for (const { sent, received } of [told, alsoTold]) expect(Math.min(sent, received)).toBeGreaterThan(0);
  for (const { roundTrip } of [told, alsoTold]) expect(roundTrip).toBeGreaterThanOrEqual(DELAY - 1);
  // The connection was for the probe alone.
  await expect.poll(() => one.borders.has(other.key) || other.borders.has(one.key)).toBe(false);
  expect([one.borders.refused, other.borders.refused]).toEqual([{}, {}]);
}, 60_000);

test('a trainer that has been given a shard measures nothing', async () => {
  const [one, other] = [await probedTrainer(1), await probedTrainer(2)];
  one.busy();
  one.measure(other);
  other.measure(one);
  await expect.poll(() => other.borders.refused['not a border packet'] ?? 0).toBe(0);
  await new Promise((resolve) => setTimeout(resolve, 700));
  expect(one.borders.has(other.key) || other.borders.has(one.key)).toBe(false);
});
