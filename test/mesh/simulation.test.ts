/** Two hundred trainers that come and go, in virtual time: one owner a shard, no shard forgotten, and each run again. */
import { describe, expect, test } from 'vitest';
import { type SimulationOptions, simulate } from '../../runtime/roles/simulation.ts';
import { chain } from './simulated.ts';

/** `NMC_SEEDS=200` for the long form. */
const SEEDS = Number(process.env.NMC_SEEDS ?? 3);
const CHURN = { latency: 40, jitter: 30, loss: 0.0005, lives: 120_000, away: 10_000, synchronizerLives: 60_000 };

function options(seed: number, more: Partial<SimulationOptions> = {}): SimulationOptions {
  return { deployment: chain(50, 40, 3, 10), nodes: 200, seed, faults: CHURN, call: 30, until: 180_000, ...more };
}

test('with nothing wrong it ends, in one epoch of owners', () => {
  const faults = { latency: 20, jitter: 0, loss: 0 };
  const result = simulate(options(1, { faults, deployment: chain(8, 20, 2, 5), nodes: 8 }));
  expect(result).toMatchObject({ phase: 'done', kills: 0, violations: [] });
  expect(result.epochs).toBeLessThanOrEqual(9);
});

test('the same seed gives the same trace, another one another', () => {
  const small = { nodes: 20, until: 40_000, deployment: chain(6, 20, 2, 5) };
  const [a, b, c] = [simulate(options(3, small)), simulate(options(3, small)), simulate(options(4, small))];
  expect(b).toEqual(a);
  expect(c.trace).not.toBe(a.trace);
});

describe('200 trainers with churn', () => {
  test.each(Array.from({ length: SEEDS }, (_, i) => i + 1))('seed %i', (seed) => {
    const result = simulate(options(seed));
    expect(result.kills).toBeGreaterThan(20);
    expect(result.violations, `seed ${seed}`).toEqual([]);
    expect(result.longestWithoutOwner, `seed ${seed}`).toBeLessThan(30_000);
  });
});
