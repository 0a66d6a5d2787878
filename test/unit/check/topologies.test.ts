import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { stream } from '../../../spec/random.ts';
import { incomingOf, type Population, refusal, TOPOLOGY_NAMES, unitConnections } from '../../../spec/topologies.ts';
import { modelOf } from '../../support/check-source.ts';

const all = (topology: string, options: Record<string, number>, population: Population, seed = 1): number[][] => {
  const incoming = incomingOf(topology, options, population, stream(seed, 'topology/test'));
  return Array.from({ length: population.targets }, (_, j) => incoming(j));
};
const square = (n: number, same = true): Population => ({ sources: n, targets: n, same });

describe('topologies', () => {
  test('all, one_to_one, chain, ring and grid follow their definitions', () => {
    expect(all('all', {}, { sources: 2, targets: 3, same: false })).toEqual([
      [0, 1],
      [0, 1],
      [0, 1],
    ]);
    expect(all('all', {}, square(3))).toEqual([
      [1, 2],
      [0, 2],
      [0, 1],
    ]);
    expect(all('one_to_one', {}, square(3))).toEqual([[0], [1], [2]]);
    expect(all('chain', {}, square(3))).toEqual([[], [0], [1]]);
    expect(all('chain', {}, square(1))).toEqual([[]]);
    expect(all('ring', { reach: 1 }, square(5))).toEqual([
      [1, 4],
      [0, 2],
      [1, 3],
      [2, 4],
      [0, 3],
    ]);
    // 0 1 2
    // 3 4 5
    expect(all('grid', { width: 3, reach: 1 }, square(6))).toEqual([
      [1, 3],
      [0, 2, 4],
      [1, 5],
      [0, 4],
      [1, 3, 5],
      [2, 4],
    ]);
    expect(all('small_world', { degree: 4, rewire: 0 }, square(8))[0]).toEqual([1, 2, 6, 7]);
  });

  test('degrees hold exactly, sources differ, and nothing is joined with itself', () => {
    const sizes = fc.record({
      sources: fc.integer({ min: 2, max: 40 }),
      targets: fc.integer({ min: 1, max: 40 }),
      degree: fc.integer({ min: 1, max: 8 }),
      rewire: fc.double({ min: 0, max: 1, noNaN: true }),
      same: fc.boolean(),
      seed: fc.nat(),
    });
    fc.assert(
      fc.property(sizes, ({ sources, targets, degree, rewire, same, seed }) => {
        const population = same ? square(sources) : { sources, targets, same };
        for (const [topology, options] of [
          ['fixed_indegree', { n: degree }],
          ['small_world', { degree, rewire }],
        ] as const) {
          if (refusal(topology, options, population) !== undefined) continue;
          for (const [target, incoming] of all(topology, options, population, seed).entries()) {
            expect(new Set(incoming).size).toBe(degree);
            expect(incoming).toHaveLength(degree);
            expect(
              incoming.every((i, k) => i >= 0 && i < population.sources && (k === 0 || i > (incoming[k - 1] ?? 0))),
            ).toBe(true);
            if (same) expect(incoming).not.toContain(target);
          }
        }
      }),
    );
  });

  test('random and distance have about the density they should', () => {
    const joined = all('random', { density: 0.2 }, { sources: 100, targets: 100, same: false }).flat().length;
    expect(Math.abs(joined / 10000 - 0.2)).toBeLessThan(0.02);
    const near = all('distance', { scale: 0.05 }, square(200));
    const apart = (i: number, j: number): number => Math.min(Math.abs(i - j), 200 - Math.abs(i - j));
    const distances = near.flatMap((incoming, j) => incoming.map((i) => apart(i, j)));
    const short = distances.filter((d) => d <= 10).length / (200 * 20);
    const mean = Array.from({ length: 10 }, (_, k) => Math.exp(-(k + 1) / 200 / 0.05)).reduce((a, b) => a + b) / 10;
    expect(Math.abs(short - mean)).toBeLessThan(0.03);
  });

  test('the same seed gives the same wiring, and another seed another', () => {
    const options = { n: 5 };
    expect(all('fixed_indegree', options, square(50), 7)).toEqual(all('fixed_indegree', options, square(50), 7));
    expect(all('fixed_indegree', options, square(50), 7)).not.toEqual(all('fixed_indegree', options, square(50), 8));
  });

  test('every topology is declared in the standard library', () => {
    const arguments_: Record<string, string> = {
      grid: 'width = 2',
      fixed_indegree: '1',
      small_world: '2',
      random: '0.5',
      distance: '0.5',
    };
    for (const name of TOPOLOGY_NAMES) {
      const along = `topology.${name}(${arguments_[name] ?? ''})`;
      expect(() => modelOf(`node a[4]: f32[2]\nlink a[*] -> a[*] = links.dense() along ${along}`)).not.toThrow();
    }
  });
});

describe('units', () => {
  const model = modelOf(`
    node a: f32[30]
    node b: f32[5, 4]
    node c: f32[8]
    link [a, b] -> c = links.sparse() along topology.fixed_indegree(12)`);

  test('links into one target draw their sources together', () => {
    const perTarget = new Array<number>(8).fill(0);
    for (const link of model.links) {
      if (link.sparsity === undefined) throw new Error('not sparse');
      const size = link.source === 'a' ? 30 : 20;
      const { sources, targets } = unitConnections(link.sparsity, size, 8);
      expect(sources.every((i) => i < size)).toBe(true);
      targets.forEach((j) => {
        perTarget[j] = (perTarget[j] ?? 0) + 1;
      });
    }
    expect(perTarget).toEqual(new Array<number>(8).fill(12));
    expect(model.links.map((l) => l.sparsity?.density)).toEqual([12 / 50, 12 / 50]);
  });

  test('the seed of the checker decides the wiring', () => {
    const body = 'node a: f32[40]\nnode b: f32[40]\nlink a -> b = links.sparse(density = 0.1)';
    const wired = (seed: number): number[] => {
      const sparsity = modelOf(body, { seed }).links[0]?.sparsity;
      return sparsity ? [...unitConnections(sparsity, 40, 40).sources] : [];
    };
    expect(wired(1)).toEqual(wired(1));
    expect(wired(1)).not.toEqual(wired(2));
    expect(Math.abs(wired(1).length / 1600 - 0.1)).toBeLessThan(0.03);
  });
});
