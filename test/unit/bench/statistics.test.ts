import { describe, expect, test } from 'vitest';
import { NETWORKS, usefulWork } from '../../../runtime/cli/measuring/reference-networks.ts';
import { bestRounds, calmRounds, driftOf, isCalm, median } from '../../bench/statistics.ts';
import { processorTicks } from '../../bench/stolen.ts';

/** Ceilings as a machine would show them, one after the other. */
function ceilings(...milliseconds: number[]): () => Promise<number> {
  return async () => milliseconds.shift() ?? 100;
}

const nothingStolen = () => (): number => 0;

describe('the median', () => {
  test('is the middle, or half way between the two middle values', () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(() => median([])).toThrow();
  });
});

describe('a round of measurements', () => {
  test('drifts by the same amount in both directions', () => {
    expect(driftOf({ value: 0, before: 100, after: 125 })).toBeCloseTo(0.25);
    expect(driftOf({ value: 0, before: 125, after: 100 })).toBeCloseTo(0.25);
  });

  test('is measured again and left out where it was disturbed', async () => {
    const rounds = await calmRounds(
      { rounds: 2, patience: 60_000 },
      ceilings(100, 105, 100, 150, 100, 91),
      async (round) => round,
      nothingStolen,
    );
    expect(rounds.map((r) => r.value)).toEqual([0, 2]);
  });

  test('is taken where it is the least disturbed when patience ends', async () => {
    const rounds = await calmRounds(
      { rounds: 2, patience: 0 },
      ceilings(100, 150, 100, 120, 100, 130),
      async (round) => round,
      nothingStolen,
    );
    expect(rounds.map((r) => r.value)).toEqual([1, 2]);
  });

  test('is measured no more often than is said where each takes long', async () => {
    const rounds = await calmRounds(
      { rounds: 1, least: 1, patience: 0 },
      ceilings(100, 150),
      async (round) => round,
      nothingStolen,
    );
    expect(rounds.map((r) => r.value)).toEqual([0]);
  });

  test('is disturbed by the load of other machines as by drift', () => {
    const still = { value: 0, before: 100, after: 101 };
    expect(isCalm({ ...still, stolen: 0.02 })).toBe(true);
    expect(isCalm({ ...still, stolen: 0.05 })).toBe(false);
    const best = bestRounds(
      [
        { ...still, value: 1, stolen: 0.2 },
        { ...still, value: 2, stolen: 0.1 },
      ],
      1,
    );
    expect(best.map((r) => r.value)).toEqual([2]);
    expect(processorTicks('cpu  10 20 30 400 5 6 7 80 9 9\ncpu0 1 2 3')).toEqual({ stolen: 80, all: 558 });
  });

  test('counts once among the best, however many are asked for', () => {
    expect(bestRounds([{ value: 7, before: 1, after: 2 }], 3)).toHaveLength(1);
  });
});

test('the useful work of inference learning is counted on the large network', () => {
  expect(usefulWork(NETWORKS.large, 'il') / 1e9).toBeCloseTo(6.295, 3);
});
