/** Several trainings at once in virtual time: within memory, all to their ends, in fair shares, each as it is alone. */
import { describe, expect, test } from 'vitest';
import { fairSharesOf, shareOf } from '../../runtime/roles/sharing.ts';
import type { SynchronizerState } from '../../runtime/roles/synchronizer-state.ts';
import { Invariants } from '../../runtime/simulation/invariants.ts';
import { type SimulationOptions, simulate } from '../../runtime/simulation/simulation.ts';
import type { SimulatedRun } from '../../runtime/simulation/virtual-host.ts';
import { stream } from '../../spec/random.ts';
import { MeshOfRuns } from '../unit/roles/mesh-of-runs.ts';
import { chain } from './simulated.ts';

/** `NMC_SEEDS=200` for the long form. */
const SEEDS = Array.from({ length: Number(process.env.NMC_SEEDS ?? 6) }, (_, i) => i + 1);
const CALM = { latency: 20, jitter: 5, loss: 0 };
const CHURN = { latency: 20, jitter: 20, loss: 0.0005, lives: 60_000, away: 5_000, synchronizerLives: 40_000 };
const HOUR = 3_600_000;

interface Drawn {
  readonly nodes: number;
  readonly memory: (node: number) => number;
  readonly runs: readonly (SimulatedRun & { readonly at: number })[];
}

/** Trainers that lend 4 to 9, runs of 1 to 4 shards of 1 to 3 each, deployed in half a minute. */
function drawn(seed: number): Drawn {
  const random = stream(seed, 'simulated-runs');
  let draws = 0;
  const pick = (least: number, most: number): number => least + (random.bits(draws++) % (most - least + 1));
  const nodes = pick(3, 6);
  const lent = Array.from({ length: nodes }, () => pick(4, 9));
  const runs = Array.from({ length: pick(2, 4) }, (_, i) => {
    const memory = pick(1, 3);
    const plain = chain(pick(1, 4), pick(20, 60), 2, pick(5, 15));
    const deployment = { ...plain, run: `run-${i}`, seed: i, needs: plain.needs.map((n) => ({ ...n, memory })) };
    return { deployment, call: pick(20, 200), ticks: pick(1, 4), at: i === 0 ? 0 : pick(0, 30_000) };
  });
  return { nodes, memory: (node) => lent[node] ?? 0, runs };
}

function together({ runs, ...mesh }: Drawn, more: Pick<SimulationOptions, 'seed' | 'faults' | 'note'>) {
  const [first, ...beside] = runs;
  if (!first) throw new Error('there is no run');
  return simulate({ ...first, ...mesh, beside, until: HOUR, ...more });
}

describe.each([
  ['without faults', CALM],
  ['with kills on both sides', CHURN],
] as const)('several runs, %s', (_, faults) => {
  test.each(SEEDS)('keep within memory, end, and end as each does alone, with seed %i', (seed) => {
    const mesh = drawn(seed);
    const found = together(mesh, { seed, faults });
    expect(found.violations).toEqual([]);
    expect(found.runs.map(({ run, phase }) => [run, phase])).toEqual(
      mesh.runs.map(({ deployment }) => [deployment.run, 'done']),
    );
    if (faults === CHURN) expect(found.kills).toBeGreaterThan(0);
    for (const [i, run] of mesh.runs.entries()) {
      const alone = together({ ...mesh, runs: [run] }, { seed: seed + 1, faults: CALM });
      expect(alone.runs[0]?.phase).toBe('done');
      expect(found.runs[i]?.parts, `run ${i}`).toEqual(alone.runs[0]?.parts);
      expect(found.runs[i]?.parts).toHaveLength(run.deployment.shards);
    }
  });
});

test.each(SEEDS)('runs that all have room come near their fair shares and stay there, with seed %i', (seed) => {
  const mesh = { ...drawn(seed), memory: () => 1000 };
  // Long enough that all of them are there together for a while.
  const runs = mesh.runs.map(({ deployment, at }) => {
    const epochs = Math.ceil(1200 / deployment.train.length);
    return { deployment: { ...deployment, epochs, snapshotEvery: 20 }, at, call: 100 };
  });
  let [least, ticks] = [Number.POSITIVE_INFINITY, 0];
  let since = Number.POSITIVE_INFINITY;
  const note: SimulationOptions['note'] = (_before, event, at, { state }) => {
    if (event.kind !== 'tick') return;
    const all = Object.values(state.runs);
    const areAllThere = all.length === runs.length && all.every((run) => run.phase === 'running');
    since = areAllThere ? Math.min(since, at) : Number.POSITIVE_INFINITY;
    // Behind some snapshots of each.
    if (at - since < 30_000) return;
    ticks++;
    least = Math.min(least, ...missing(state));
  };
  const found = together({ ...mesh, runs }, { seed, faults: CALM, note });
  expect(found.violations).toEqual([]);
  expect(found.withoutRoom).toBe(0);
  expect(ticks).toBeGreaterThan(50);
  expect(least).toBeGreaterThan(-0.75);
});

/** Trainers that each run has more than its share. */
function missing(state: SynchronizerState): number[] {
  const fair = fairSharesOf(state);
  return Object.values(state.runs).map(
    ({ deployment: { run }, owners }) => shareOf(state, run, owners) - (fair.get(run) ?? 0),
  );
}

test('two runs alike on the same trainers take as long as each other, and no longer than one after the other', () => {
  const of = (run: string) => ({ deployment: { ...chain(4, 60, 2, 20), run }, call: 100, at: 0 });
  const mesh = { nodes: 1, memory: () => 8, runs: [of('one'), of('other')] };
  const alone = together({ ...mesh, runs: [of('one')] }, { seed: 1, faults: CALM });
  const [one, other] = together(mesh, { seed: 1, faults: CALM }).runs.map(({ time }) => time);
  const single = alone.runs[0]?.time ?? 0;
  expect(Math.abs((one ?? 0) - (other ?? 0))).toBeLessThan(0.05 * single);
  expect(Math.max(one ?? 0, other ?? 0)).toBeLessThan(2.1 * single);
  expect(Math.min(one ?? 0, other ?? 0)).toBeGreaterThan(1.5 * single);
});

test('a trainer that is given more than it lends is a violation, and so is a shard with two owners', () => {
  const { state } = new MeshOfRuns({ a: 10 }).deploy('first', 1, 6).deploy('second', 1, 4);
  const invariants = new Invariants();
  invariants.gives(state);
  expect(invariants.violations).toEqual([]);
  const a = state.members.a as SynchronizerState['members'][string];
  invariants.gives({ ...state, members: { a: { ...a, capability: { ...a.capability, memory: 9 } } } });
  expect(invariants.violations).toEqual(['a lends 9 bytes and has 10 of first, second']);
  const shards = [{ run: 'first', term: 1, shard: 0 }];
  for (const life of [1, 1, 2]) invariants.holds({ key: 'a', life, connected: true, shards });
  expect(invariants.violations.slice(1)).toEqual(['first/1/0 has two owners: a#1 and a#2']);
});
