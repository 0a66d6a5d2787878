/** Two hundred trainers that come and go, in virtual time: one owner a shard, no shard forgotten, and each run again. */
import { describe, expect, test } from 'vitest';
import { MAX_WAIT_MILLISECONDS } from '../../runtime/roles/predictor.ts';
import { type SimulationOptions, simulate } from '../../runtime/simulation/simulation.ts';
import { chain, freeChain } from './simulated.ts';

/** `NMC_SEEDS=200` for the long form. */
const SEEDS = Number(process.env.NMC_SEEDS ?? 3);
const CHURN = { latency: 40, jitter: 30, loss: 0.0005, lives: 120_000, away: 10_000, synchronizerLives: 60_000 };

function options(seed: number, more: Partial<SimulationOptions> = {}): SimulationOptions {
  return { deployment: chain(50, 40, 3, 10), nodes: 200, seed, faults: CHURN, call: 30, until: 180_000, ...more };
}

test('a training without faults ends in the first term', () => {
  const faults = { latency: 20, jitter: 0, loss: 0 };
  const result = simulate(options(1, { faults, deployment: chain(8, 20, 2, 5), nodes: 8 }));
  expect(result).toMatchObject({ phase: 'done', kills: 0, violations: [] });
  expect(result.epochs).toBeLessThanOrEqual(9);
});

test('a training with batches ahead ends sooner, however trainers come and go', () => {
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

describe('the borders of a plan', () => {
  const faults = { latency: 20, jitter: 0, loss: 0 };
  const star = [[1, 2, 3, 4], [0], [0], [0], [0]];

  /** Latest report of each shard about its borders. */
  function bordersSaid(borders: SimulationOptions['borders']): (number | undefined)[] {
    const said: (number | undefined)[] = [];
    const note: SimulationOptions['note'] = (_before, event) => {
      for (const sign of event.kind === 'signs' ? event.signs : [])
        if (sign.kind === 'message' && sign.message.type === 'heartbeat')
          for (const { shard, borders: count } of sign.message.shards) said[shard] = count;
    };
    const more = { faults, deployment: chain(5, 20, 2, 5), nodes: 5, note, ...(borders ? { borders } : {}) };
    expect(simulate(options(1, more))).toMatchObject({ phase: 'done', violations: [] });
    return said;
  }

  test('are those over which frames go', () => {
    expect(bordersSaid(star)).toEqual([4, 1, 1, 1, 1]);
    expect(bordersSaid(undefined)).toEqual([1, 2, 2, 2, 1]);
  });

  test('decide how long a training takes: shards that wait for no frame end sooner', () => {
    const time = (borders: readonly (readonly number[])[]): number =>
      simulate(options(1, { faults, deployment: chain(5, 20, 2, 5), nodes: 5, borders })).time;
    expect(time(star.map(() => []))).toBeLessThan(time(star));
  });
});

test('a training with several microbatches in flight waits less for frames on their way', () => {
  const faults = { latency: 20, jitter: 0, loss: 0 };
  // No trainer has room for both shards.
  const needs = [0, 1].map(() => ({ memory: 0.9e12, flops: 1, bytes: 1 }));
  const [one, four] = [1, 4].map((microbatches) =>
    simulate(
      options(1, { faults, deployment: { ...chain(2, 20, 1, 20), needs, microbatches }, nodes: 2, call: 80, ticks: 8 }),
    ),
  );
  for (const result of [one, four]) expect(result).toMatchObject({ phase: 'done', violations: [] });
  expect(four?.time).toBeLessThan(0.9 * (one?.time ?? 0));
});

describe('in the schedule `async`', () => {
  const faults = { latency: 40, jitter: 20, loss: 0 };
  // No trainer has room for two shards.
  const roomy = (deployment: SimulationOptions['deployment']) => ({
    ...deployment,
    needs: deployment.needs.map((need) => ({ ...need, memory: 0.9e12 })),
  });
  const calm = { faults, nodes: 4, call: 80, ticks: 8 };

  test('a training on values that may be old ends sooner where frames are long on their way', () => {
    const [strict, free] = [chain(4, 20, 1, 20), freeChain(4, 20, 1, 20)].map((deployment) =>
      simulate(options(1, { ...calm, deployment: roomy(deployment) })),
    );
    for (const result of [strict, free]) expect(result).toMatchObject({ phase: 'done', violations: [] });
    expect(free?.time).toBeLessThan(0.8 * (strict?.time ?? 0));
  });

  test('a training ends however trainers come and go, and a shard without an owner gets one', () => {
    const deployment = roomy(freeChain(4, 60, 2, 10));
    for (const seed of [1, 2, 3]) {
      const lives = { ...CHURN, lives: 15_000, away: 3000 };
      const found = simulate(
        options(seed, { faults: lives, deployment, nodes: 6, call: 80, ticks: 8, until: 600_000 }),
      );
      expect(found, `seed ${seed}`).toMatchObject({ phase: 'done', violations: [] });
      expect(found.epochs, `seed ${seed}`).toBeGreaterThan(2);
      expect(found.longestWithoutOwner, `seed ${seed}`).toBeLessThan(30_000);
    }
  });
});

test('shards of one trainer hand their frames over directly, and the training ends', () => {
  const faults = { latency: 20, jitter: 0, loss: 0 };
  const ended = simulate(options(1, { faults, deployment: chain(6, 20, 2, 5), nodes: 2 }));
  expect(ended).toMatchObject({ phase: 'done', violations: [] });
});

test('the same seed gives the same trace, and another seed another', () => {
  const small = { nodes: 20, until: 40_000, deployment: chain(6, 20, 2, 5) };
  const [a, b, c] = [simulate(options(3, small)), simulate(options(3, small)), simulate(options(4, small))];
  expect(b).toEqual(a);
  expect(c.trace).not.toBe(a.trace);
});

describe('a mesh of 200 trainers with churn', () => {
  test.each(Array.from({ length: SEEDS }, (_, i) => i + 1))('keeps every invariant with seed %i', (seed) => {
    const result = simulate(options(seed));
    expect(result.kills).toBeGreaterThan(20);
    expect(result.violations, `seed ${seed}`).toEqual([]);
    expect(result.longestWithoutOwner, `seed ${seed}`).toBeLessThan(30_000);
  });
});

describe('a predictor of a mesh whose trainers come and go', () => {
  const often = { ...CHURN, loss: 0.005, lives: 20_000, synchronizerLives: 15_000 };
  const served = (seed: number) =>
    simulate(
      options(seed, { nodes: 12, until: 120_000, faults: often, deployment: chain(8, 60, 20, 10), requests: 20 }),
    );

  test.each(Array.from({ length: SEEDS }, (_, i) => i + 1))(
    'gives every request one answer or one reason, with seed %i',
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

  test('leaves the training as it is without a predictor, and gives the same answers for the same seed', () => {
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
