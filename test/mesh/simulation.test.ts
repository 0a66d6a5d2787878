/** Two hundred trainers that come and go, in virtual time: one owner a shard, no shard forgotten, and each run again. */
import { describe, expect, test } from 'vitest';
import { MAX_WAIT_MILLISECONDS } from '../../runtime/roles/predictor.ts';
import { type SimulationOptions, simulate } from '../../runtime/simulation/simulation.ts';
import { chain } from './simulated.ts';

/** `NMC_SEEDS=200` for the long form. */
const SEEDS = Number(process.env.NMC_SEEDS ?? 3);
const CHURN = { latency: 40, jitter: 30, loss: 0.0005, lives: 120_000, away: 10_000, synchronizerLives: 60_000 };

function options(seed: number, more: Partial<SimulationOptions> = {}): SimulationOptions {
  return { deployment: chain(50, 40, 3, 10), nodes: 200, seed, faults: CHURN, call: 30, until: 180_000, ...more };
}

test('with nothing wrong it ends, in one term of owners', () => {
  const faults = { latency: 20, jitter: 0, loss: 0 };
  const result = simulate(options(1, { faults, deployment: chain(8, 20, 2, 5), nodes: 8 }));
  expect(result).toMatchObject({ phase: 'done', kills: 0, violations: [] });
  expect(result.epochs).toBeLessThanOrEqual(9);
});

test('with batches that begin ahead it ends sooner, however trainers come and go', () => {
  const begun = { schedule: 'pipelined', microbatches: 2, ahead: 1 } as const;
  const faults = { latency: 20, jitter: 0, loss: 0 };
  const [ahead, plain] = [begun, {}].map((more) =>
    simulate(options(1, { faults, deployment: { ...chain(8, 40, 2, 5), ...more }, nodes: 8 })),
  );
  for (const result of [ahead, plain]) expect(result).toMatchObject({ phase: 'done', kills: 0, violations: [] });
  expect(ahead?.time).toBeLessThan(plain?.time ?? 0);
  const deployment = { ...chain(8, 60, 20, 10), ...begun };
  for (const seed of [1, 2, 3]) {
    const lives = { ...CHURN, lives: 20_000 };
    const { violations, kills } = simulate(options(seed, { faults: lives, deployment, nodes: 12, until: 90_000 }));
    expect(kills, `seed ${seed}`).toBeGreaterThan(20);
    expect(violations, `seed ${seed}`).toEqual([]);
  }
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

describe('a predictor that is asked while the mesh comes and goes', () => {
  const often = { ...CHURN, loss: 0.005, lives: 20_000, synchronizerLives: 15_000 };
  const served = (seed: number) =>
    simulate(
      options(seed, { nodes: 12, until: 120_000, faults: often, deployment: chain(8, 60, 20, 10), requests: 20 }),
    );

  test.each(Array.from({ length: SEEDS }, (_, i) => i + 1))(
    'seed %i: every request gets one answer or one reason',
    (seed) => {
      const { violations, served: found } = served(seed);
      expect(violations, `seed ${seed}`).toEqual([]);
      const { asked = 0, answered = 0, refused = {}, reloads = 0, longest = 0 } = found ?? {};
      expect(asked).toBeGreaterThan(500);
      expect(answered + Object.values(refused).reduce((sum, n) => sum + n, 0), `seed ${seed}`).toBe(asked);
      expect(reloads, `seed ${seed}`).toBeGreaterThan(2);
      // Once there are weights they answer at once, whatever the mesh does; before, a look fails or a load ends.
      expect(longest, `seed ${seed}`).toBeLessThan(MAX_WAIT_MILLISECONDS + 2000);
    },
  );

  test('the training goes as without it, and the same seed gives the same answers', () => {
    const [a, b] = [served(5), served(5)];
    expect(b).toEqual(a);
    const alone = simulate(options(5, { nodes: 12, until: 120_000, faults: often, deployment: chain(8, 60, 20, 10) }));
    expect({ ...a, trace: '', events: 0, served: undefined }).toEqual({
      ...alone,
      trace: '',
      events: 0,
      served: undefined,
    });
  });
});
