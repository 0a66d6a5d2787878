/** For whom a virtual shard waits: in strict schedules, in free ticks, and where a neighbour comes back at a later call. */
import { expect, test } from 'vitest';
import { VirtualNeighbours } from '../../../runtime/simulation/virtual-neighbours.ts';

/** Calls of eight ticks of shard 1 of three. */
const STEPS = 8;
const between = (staleness?: number): VirtualNeighbours =>
  new VirtualNeighbours({ shard: 1, neighbours: [0, 2], steps: STEPS, microbatches: 1, staleness });

test('a tick waits for the one before it of every neighbour, a free one for none that is too old', () => {
  const [strict, free] = [between(), between(2)];
  for (const neighbours of [strict, free]) {
    expect(neighbours.missingForTick(0, 0)).toEqual([]);
    expect(neighbours.missingForTick(1, 0)).toEqual([0, 2]);
    expect(neighbours.hear(0, 5, 0)).toBe(true);
    expect(neighbours.hear(0, 4, 0)).toBe(false);
    neighbours.hear(2, 3, 0);
  }
  expect(strict.missingForTick(3, 0)).toEqual([]);
  expect(strict.missingForTick(4, 0)).toEqual([2]);
  expect(free.missingForTick(5, 0)).toEqual([]);
  expect(free.missingForTick(6, 0)).toEqual([2]);
  // What is behind the ticks comes exactly once.
  free.hear(0, STEPS, 0);
  expect(free.missingForEnd(0)).toEqual([2]);
});

test('a neighbour that is away is not waited for, unless this shard rests: then only one that was given up is not', () => {
  const neighbours = between(2);
  expect(neighbours.setAway([2], [])).toBe(true);
  expect(neighbours.setAway([2], [])).toBe(false);
  expect(neighbours.missingForEnd(0)).toEqual([0]);
  neighbours.setAway([1, 2], []);
  expect(neighbours.missingForEnd(0)).toEqual([0, 2]);
  neighbours.setAway([1, 2], [2]);
  expect(neighbours.missingForEnd(0)).toEqual([0]);
});

test('calls of which a neighbour that was away sends nothing are left out, and the next ones are made', () => {
  const neighbours = between(2);
  neighbours.hear(0, 2 * STEPS + 1, 0);
  neighbours.hear(2, 2 * STEPS + 1, 2 * STEPS);
  expect(neighbours.missingForTick(1, 0)).toEqual([2]);
  expect(neighbours.behind(1, 0)).toBe(2);
  // Frames of free ticks may have been replaced by newer ones: they alone say nothing.
  expect(neighbours.behind(4, 0)).toBeUndefined();
  expect(neighbours.missingForTick(2 * STEPS + 1, 2 * STEPS)).toEqual([]);
  expect(neighbours.behind(2 * STEPS + 1, 2 * STEPS)).toBeUndefined();
});
