/** The partitioner's promises on random problems. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { measureCosts } from '../../../compiler/6-partition/costs.ts';
import { fleetOf } from '../../../compiler/6-partition/fleet.ts';
import { hypergraph } from '../../../compiler/6-partition/hypergraph.ts';
import { partition } from '../../../compiler/6-partition/partition.ts';
import type { PartitionResult, Problem } from '../../../compiler/6-partition/problem.ts';
import { uniformMachines } from '../../../compiler/6-partition/problem.ts';
import { rebalance } from '../../../compiler/6-partition/rebalance.ts';
import { createRng } from '../../../compiler/6-partition/rng.ts';
import { State } from '../../../compiler/6-partition/state.ts';
import { randomProblem } from '../../support/random-partition-problem.ts';

const RUNS = { numRuns: 25, seed: 6 };
const shapes = fc.record({
  seed: fc.nat(10_000),
  pieces: fc.integer({ min: 1, max: 60 }),
  machines: fc.integer({ min: 1, max: 6 }),
  links: fc.boolean(),
  uniform: fc.boolean(),
  pins: fc.integer({ min: 1, max: 25 }),
});

function parts(result: PartitionResult): Extract<PartitionResult, { kind: 'parts' }> {
  if (result.kind !== 'parts') throw new Error(result.reason);
  return result;
}

describe('an assignment', () => {
  test('gives every piece one machine, the same for the same seed, with costs that hold when counted again', () => {
    fc.assert(
      fc.property(shapes, ({ seed, ...shape }) => {
        const problem = randomProblem(seed, shape);
        const { part, costs } = parts(partition(problem, { seed, starts: 2 }));
        expect(part).toHaveLength(problem.pieces.count);
        for (const p of part) expect(p >= 0 && p < problem.machines.list.length).toBe(true);
        expect(parts(partition(problem, { seed, starts: 2 })).part).toEqual(part);
        expect(measureCosts(problem, part)).toEqual(costs);
        expect(costs.bottleneck).toBeGreaterThanOrEqual(costs.leastCompute * (1 - 1e-12));
        expect(costs.machines.reduce((sum, m) => sum + m.pieces, 0)).toBe(problem.pieces.count);
        expect(costs.machines.reduce((sum, m) => sum + m.sent, 0)).toBe(costs.volume);
      }),
      RUNS,
    );
  });

  test('obeys pins and groups', () => {
    fc.assert(
      fc.property(
        shapes,
        fc.array(fc.integer({ min: -1, max: 5 }), { minLength: 60, maxLength: 60 }),
        (shape, groups) => {
          const { seed, ...rest } = shape;
          const random = randomProblem(seed, rest);
          const { count } = random.pieces;
          const keepTogether = Int32Array.from(groups.slice(0, count));
          const pinned = new Int32Array(count).fill(-1);
          pinned[count - 1] = random.machines.list.length - 1;
          const problem: Problem = { ...random, pieces: { ...random.pieces, keepTogether, pinned } };
          const { part } = parts(partition(problem, { seed, starts: 1 }));
          expect(part[count - 1]).toBe(random.machines.list.length - 1);
          for (let v = 0; v < count; v++) {
            const first = keepTogether.indexOf(keepTogether[v] as number);
            if ((keepTogether[v] as number) >= 0) expect(part[v]).toBe(part[first]);
          }
        },
      ),
      RUNS,
    );
  });

  test('keeps within memories, or says which is too small', () => {
    fc.assert(
      fc.property(shapes, fc.integer({ min: 5, max: 13 }), ({ seed, pieces, machines }, tenths) => {
        const problem = randomProblem(seed, { pieces, machines, memoryUse: tenths / 10 });
        const result = partition(problem, { seed, starts: 2 });
        if (result.kind === 'impossible') {
          expect(['memory', 'atom-memory', 'packing']).toContain(result.reason);
          return;
        }
        for (const [p, machine] of result.costs.machines.entries())
          expect(machine.memory).toBeLessThanOrEqual(problem.machines.list[p]?.memory ?? 0);
      }),
      RUNS,
    );
  });
});

test('costs that are kept up to date over moves equal those counted from nothing', () => {
  fc.assert(
    fc.property(shapes, ({ seed, ...shape }) => {
      const problem = randomProblem(seed, shape);
      const { count, work, memory } = problem.pieces;
      const K = problem.machines.list.length;
      const h = hypergraph({ count, work, memory, fixed: new Int32Array(count).fill(-1) }, problem.nets);
      const state = new State(h, fleetOf(problem.machines), new Int32Array(count));
      state.setCap(1);
      const { below } = createRng(seed, 'moves');
      for (let i = 0; i < 100; i++) {
        const [v, b] = [below(count), below(K)];
        const before = state.cost();
        const volume = state.volume();
        const change = state.delta(v, b);
        const { pull } = state.pulls(v);
        const saved = (pull[state.part[v] as number] as number) - (pull[b] as number);
        state.move(v, b);
        expect(state.cost() - before).toBeCloseTo(change, 5 - Math.log10(1 + before));
        expect(state.volume() - volume).toBe(saved);
      }
      const costs = measureCosts(problem, state.part);
      expect(state.volume()).toBe(costs.volume);
      expect(state.staleness()).toBe(costs.staleness);
      expect(state.bottleneck()).toBeCloseTo(costs.bottleneck, 9);
      expect([...state.sent]).toEqual(costs.machines.map((m) => m.sent));
      expect([...state.received]).toEqual(costs.machines.map((m) => m.received));
      expect([...state.memory]).toEqual(costs.machines.map((m) => m.memory));
    }),
    RUNS,
  );
});

describe('balance', () => {
  test.each([1, 2, 3, 7, 64])('over %i equal machines is within 5 %% of the best possible, and uses all', (K) => {
    const random = randomProblem(K, { pieces: 40 * K, machines: 1 });
    const { costs } = parts(partition({ ...random, machines: uniformMachines(K) }, { useAll: true, starts: 1 }));
    expect(costs.bottleneck).toBeLessThanOrEqual(1.05 * costs.leastCompute);
    for (const machine of costs.machines) expect(machine.pieces).toBeGreaterThan(0);
  });

  test('keeps clusters whole, except one that is too large for a machine', () => {
    const random = randomProblem(3, { pieces: 200, machines: 1 });
    const cluster = Int32Array.from({ length: 200 }, (_, v) => (v < 80 ? 0 : 1 + Math.floor((v - 80) / 10)));
    const problem = { ...random, pieces: { ...random.pieces, cluster }, machines: uniformMachines(4) };
    const { part } = parts(partition(problem));
    const machinesOf = (c: number): number => new Set(part.filter((_, v) => cluster[v] === c)).size;
    expect(machinesOf(0)).toBeGreaterThan(1);
    for (let c = 1; c <= 12; c++) expect(machinesOf(c)).toBe(1);
  });
});

describe('an impossible assignment', () => {
  const random = randomProblem(1, { pieces: 5, machines: 1 });
  const ask = (extra: Partial<Problem['pieces']>, machines = uniformMachines(2), useAll = false): PartitionResult =>
    partition({ ...random, pieces: { ...random.pieces, ...extra }, machines }, { useAll });

  test.each([
    ['too-few', () => ask({}, uniformMachines(6), true)],
    ['atom-memory', () => ask({ memory: Float64Array.of(1, 1, 9, 1, 1) }, uniformMachines(2, { memory: 8 }))],
    ['memory', () => ask({ memory: new Float64Array(5).fill(4) }, uniformMachines(2, { memory: 8 }))],
    ['packing', () => ask({ memory: Float64Array.of(5, 5, 5, 0, 0) }, uniformMachines(2, { memory: 8 }))],
    ['pins', () => ask({ keepTogether: Int32Array.of(0, 0, -1, -1, -1), pinned: Int32Array.of(0, 1, -1, -1, -1) })],
  ])('is refused with the reason %s', (reason, result) => {
    expect(result()).toMatchObject({ kind: 'impossible', reason });
  });
});

describe('a changed machine', () => {
  const problem = { ...randomProblem(5, { pieces: 120, machines: 1 }), machines: uniformMachines(4) };
  const old = parts(partition(problem)).part;

  test('that did not change moves nothing', () => {
    const result = rebalance(problem, old);
    expect(result).toMatchObject({ kind: 'parts', outcome: 'kept' });
    if (result.kind === 'parts') expect(result.moved).toHaveLength(0);
  });

  test('that is a little slower is not worth a move', () => {
    const [first, ...others] = problem.machines.list;
    const slower = { list: [...(first ? [{ ...first, rate: 0.95 }] : []), ...others] };
    expect(rebalance({ ...problem, machines: slower }, old)).toMatchObject({ outcome: 'kept' });
  });

  test('that is gone has its pieces moved, and few others', () => {
    const orphaned = old.map((p) => (p === 3 ? -1 : p));
    const result = rebalance({ ...problem, machines: uniformMachines(3) }, orphaned);
    if (result.kind !== 'parts') throw new Error(result.reason);
    const orphans = orphaned.filter((p) => p === -1).length;
    expect(result.moved.length).toBeGreaterThanOrEqual(orphans);
    expect(result.moved.length).toBeLessThan(2 * orphans);
    expect(result.costs.bottleneck).toBeLessThan(1.15 * result.costs.leastCompute);
  });

  test('that is twice as fast gets work, and most pieces stay', () => {
    const [first, ...others] = problem.machines.list;
    const faster = { list: [...(first ? [{ ...first, rate: 2 }] : []), ...others] };
    const result = rebalance({ ...problem, machines: faster }, old);
    if (result.kind !== 'parts') throw new Error(result.reason);
    expect(result.costs.bottleneck).toBeLessThan(0.9 * measureCosts({ ...problem, machines: faster }, old).bottleneck);
    expect(result.moved.length).toBeLessThan(60);
  });
});
