/** The memory of a process is seen from outside, and only what is over its bound is told. */
import { expect, test } from 'vitest';
import { watchMemory } from '../../../runtime/cli/mesh/watch-memory.ts';

test.skipIf(process.platform === 'win32')(
  'a process over its bound is reported in bytes until the watch ends',
  async () => {
    const seen: number[] = [];
    const end = watchMemory(process.pid, 1e6, (bytes) => seen.push(bytes));
    await expect.poll(() => seen.length, { timeout: 10_000 }).toBeGreaterThan(0);
    end();
    const { rss } = process.memoryUsage();
    expect(seen[0]).toBeGreaterThan(rss / 4);
    expect(seen[0]).toBeLessThan(rss * 4);
  },
);

test('nothing is reported below the bound or where memory cannot be read, and each look waits for the one before', async () => {
  const answers = [1, undefined, 3, 2];
  let looks = 0;
  let [under, most] = [0, 0];
  const seen: number[] = [];
  const end = watchMemory(
    1,
    2,
    (bytes) => seen.push(bytes),
    async () => {
      most = Math.max(most, ++under);
      await new Promise((resolve) => setTimeout(resolve, 150));
      under--;
      return answers[looks++];
    },
  );
  await expect.poll(() => looks, { timeout: 10_000 }).toBeGreaterThanOrEqual(4);
  end();
  expect([seen, most]).toEqual([[3], 1]);
});
