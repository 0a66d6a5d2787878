/** A row of pieces cut into runs. */
import { expect, test } from 'vitest';
import { cutLine, cutLineEvenly } from '../../../compiler/6-partition/shards/line.ts';
import { stream } from '../../../spec/random.ts';

const heaviest = (work: Float64Array, part: Int32Array): number =>
  Math.max(...[...new Set(part)].map((p) => work.reduce((sum, w, i) => sum + (part[i] === p ? w : 0), 0)));

test('six blocks between two light ends in four runs leave no run to the last end alone', () => {
  const work = Float64Array.of(0, 10, 10, 10, 10, 10, 10, 2);
  expect([...(cutLine(work, 4) ?? [])]).toEqual([0, 0, 0, 1, 1, 2, 2, 3]);
  expect([...(cutLineEvenly(work, 4) ?? [])]).toEqual([0, 0, 0, 1, 2, 2, 3, 3]);
  expect(cutLineEvenly(work, 9)).toBeUndefined();
});

test('shared runs are in order, none is empty, and the heaviest is as light as it can be', () => {
  const rng = stream(1, 'line');
  for (let round = 0; round < 300; round++) {
    const count = 1 + Math.floor(rng.uniform(3 * round) * 12);
    const parts = 1 + Math.floor(rng.uniform(3 * round + 1) * count);
    const work = Float64Array.from({ length: count }, (_, i) => Math.floor(stream(round, 'work').uniform(i) * 9));
    const [filled, even] = [cutLine(work, parts), cutLineEvenly(work, parts)];
    if (!filled || !even) throw new Error('no cut');
    expect([...even]).toEqual([...even].sort((a, b) => a - b));
    expect(new Set(even).size).toBe(parts);
    expect(heaviest(work, even)).toBeLessThanOrEqual(heaviest(work, filled));
  }
});
