/** Shares dealt anew between two machines: nothing is lost, nothing that stays moves, and no machine ends busier. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { repack } from '../../../compiler/6-partition/tiles/repack.ts';
import { handOut, type Portion } from '../../../compiler/6-partition/tiles/shares.ts';

const kind = (units: number, each: number): Portion => ({ units, work: units * each, once: 0, machine: -1 });

function loads(portions: readonly Portion[], counts: readonly Int32Array[], machines: number): number[] {
  return Array.from({ length: machines }, (_, p) =>
    portions.reduce((sum, { work, units }, i) => sum + ((counts[i]?.[p] ?? 0) * work) / units, 0),
  );
}

describe('units that fit nowhere when they are assigned from coarse to fine', () => {
  test('are nearly even for 784 pixels and three times 128 units on 256 machines', () => {
    // In shares of the even one, as mnist.pcn has them.
    const portions = [kind(128, 0.541), kind(128, 0.4934), kind(128, 0.4934), kind(784, 0.0747)];
    const { counts } = handOut(portions, new Float64Array(256).fill(1));
    const found = loads(portions, counts, 256);
    const even = found.reduce((a, b) => a + b, 0) / 256;
    expect(Math.max(...found) / even).toBeLessThan(1.045);
  });

  test('are all assigned, and never make the busiest machine busier', () => {
    const spread = fc.array(fc.tuple(fc.double({ min: 0.1, max: 5, noNaN: true }), fc.nat(3), fc.nat(3), fc.nat(3)), {
      minLength: 1,
      maxLength: 4,
    });
    fc.assert(
      fc.property(spread, (kinds) => {
        const counts = kinds.map(([, ...own]) => Int32Array.from(own));
        const each = kinds.map(([cost]) => cost);
        const before = counts.map((own) => [...own]);
        const used = (): number[] =>
          [0, 1, 2].map((p) => counts.reduce((sum, own, i) => sum + (own[p] ?? 0) * (each[i] ?? 0), 0));
        const capacity = Float64Array.of(1, 2, 1);
        const busiest = (): number => Math.max(...used().map((load, p) => load / (capacity[p] ?? 1)));
        const first = busiest();
        const room = Float64Array.from(used(), (load, p) => (capacity[p] ?? 0) - load);
        repack({ counts, each, stays: () => 0, room, capacity });
        counts.forEach((own, i) => {
          expect(own.reduce((a, b) => a + b, 0)).toBe(before[i]?.reduce((a, b) => a + b, 0));
          expect(Math.min(...own)).toBeGreaterThanOrEqual(0);
        });
        expect(busiest()).toBeLessThanOrEqual(first + 1e-9);
        used().forEach((load, p) => {
          expect(room[p]).toBeCloseTo((capacity[p] ?? 0) - load, 9);
        });
      }),
      { seed: 7, numRuns: 300 },
    );
  });

  test('are not assigned again where they stay', () => {
    const counts = [Int32Array.of(3, 0)];
    repack({
      counts,
      each: [1],
      stays: (_, machine) => (machine === 0 ? 2 : 0),
      room: Float64Array.of(-2, 1),
      capacity: Float64Array.of(1, 1),
    });
    expect([...(counts[0] ?? [])]).toEqual([2, 1]);
  });
});
