/** Placement over measured links: closed-form examples, and never slower than the best single trainer. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { batchSeconds, type TimedNeeds, timedNeeds } from '../../../runtime/roles/batch-time.ts';
import { withLink } from '../../../runtime/roles/measured-link.ts';
import { type Candidate, place } from '../../../runtime/roles/place.ts';
import type { Deployment } from '../../../runtime/wire/deployment.ts';

const MBIT = 1e6 / 8;

const trainer = (key: string, more: Partial<Candidate['capability']> = {}): Candidate => ({
  key,
  runs: 0,
  capability: { cores: 1, memory: 10, rate: 1e9, upload: 0, download: 0, machine: key, ...more },
});

/** Shards in a chain, each of which tells its neighbours something in each of the ticks. */
function chain(shards: number, flops: number, bytesPerTick: number, ticks = 8): Deployment['needs'] {
  const work = { calls: 0, operations: 0, bytes: 0, values: 0, valueBytes: 0, state: 0 };
  return Array.from({ length: shards }, (_, i) => ({
    ...{ memory: 1, flops, bytes: 0, work: { ...work, flops } },
    sends: [i - 1, i + 1]
      .filter((to) => to >= 0 && to < shards)
      .map((to) => ({ to, bytes: bytesPerTick * ticks, frames: ticks, hops: ticks })),
  }));
}
function workOf({ work }: Deployment['needs'][number]): NonNullable<typeof work> {
  if (!work) throw new Error('needs without work');
  return work;
}
const paceOf = (shards: number, ticks = 8) => ({ pace: { hops: ticks, serial: 1 / shards }, microbatches: 1 });
const timed = (needs: Deployment['needs'], shards: number): TimedNeeds =>
  timedNeeds(needs, paceOf(shards)) as TimedNeeds;

describe('the predicted time of a batch', () => {
  test('is, for two shards in lockstep, the work of one, and in each tick the delay and the bytes', () => {
    const needs = chain(2, 1e9, 25_000);
    const two = [trainer('a', { upload: 1e6, roundTrip: 20 }), trainer('b', { upload: 1e6, roundTrip: 20 })];
    // 1 s of work, and 8 x (20 ms one way + 25 ms of bytes).
    expect(batchSeconds(timed(needs, 2), two)).toBeCloseTo(1 + 8 * 0.045);
  });

  test('has no link within one trainer, and within one place', () => {
    const needs = chain(2, 1e9, 25_000);
    const a = trainer('a', { upload: 1000, roundTrip: 1000, machine: 'm' });
    const b = trainer('b', { upload: 1000, roundTrip: 1000, machine: 'm' });
    expect(batchSeconds(timed(needs, 2), [a, a])).toBeCloseTo(2);
    expect(batchSeconds(timed(needs, 2), [a, b])).toBeCloseTo(2);
    const elsewhere = { ...b, capability: { ...b.capability, place: 'm/b' } };
    expect(batchSeconds(timed(needs, 2), [a, elsewhere])).toBeGreaterThan(200);
  });

  test('counts a part of a snapshot on the uplink, divided by the batches between two snapshots', () => {
    const [need] = chain(1, 1e9, 0) as [Deployment['needs'][number]];
    const needs = [{ ...need, work: { ...workOf(need), state: 500_000 } }];
    const parts = timedNeeds(needs, { ...paceOf(1), snapshotEvery: 10 }) as TimedNeeds;
    // 1 s of work, and a tenth of half a second.
    expect(batchSeconds(parts, [trainer('a', { upload: 1e6 })])).toBeCloseTo(1 + 0.05);
  });

  test('counts only the delay of a link whose upload and download are not measured', () => {
    const two = [trainer('a', { roundTrip: 40 }), trainer('b', { roundTrip: 40 })];
    expect(batchSeconds(timed(chain(2, 0, 1e9), 2), two)).toBeCloseTo(8 * 0.04);
  });
});

describe('a placement', () => {
  const links = [2, 20, 100].map((mbit, i) =>
    trainer('abc'[i] ?? '', { upload: mbit * MBIT, download: 100 * MBIT, roundTrip: 20 }),
  );

  test('uses one trainer alone where links are slow', () => {
    const { owners } = place(chain(2, 1e6, 64_000), links, [], undefined, paceOf(2));
    expect(new Set(owners).size).toBe(1);
  });

  test('uses the trainer with the fastest uplink, which sends parts of snapshots soonest', () => {
    const needs = chain(2, 1e6, 64_000).map((need) => ({ ...need, work: { ...workOf(need), state: 330_000 } }));
    const { owners } = place(needs, links, [], undefined, { ...paceOf(2), snapshotEvery: 19 });
    expect(owners).toEqual(['c', 'c']);
  });

  test('spreads over the trainers of one place, whose line one of them has measured', () => {
    const needs = chain(2, 1e6, 64_000).map((need) => ({ ...need, work: { ...workOf(need), state: 1e6 } }));
    const near = [3e8, 5e8].map((upload, i) => trainer('ab'[i] ?? '', { upload, machine: 'm', cores: 2 }));
    const { owners } = place(needs, near, [], undefined, { ...paceOf(2), snapshotEvery: 1 });
    expect([...owners].sort()).toEqual(['a', 'b']);
  });

  test('does not prefer a trainer of a place whose line it has not measured yet', () => {
    const needs = chain(2, 1e6, 64_000).map((need) => ({ ...need, work: { ...workOf(need), state: 1e6 } }));
    const near = [0, 5e6].map((upload, i) => trainer('ab'[i] ?? '', { upload, machine: 'm', cores: 2 }));
    const { owners } = place(needs, near, [], undefined, { ...paceOf(2), snapshotEvery: 1 });
    expect([...owners].sort()).toEqual(['a', 'b']);
  });

  test('leaves out the slowest uplink where the work pays for two', () => {
    const { owners } = place(chain(2, 5e9, 64_000), links, [], undefined, paceOf(2));
    expect([...owners].sort()).toEqual(['b', 'c']);
  });

  test('spreads as before where a deployment does not say what its shards send', () => {
    const needs = [1, 2].map(() => ({ memory: 1, flops: 9, bytes: 0 }));
    expect(place(needs, links).owners).toEqual(['a', 'b']);
    expect(timedNeeds(needs, paceOf(2))).toBeUndefined();
  });

  test('spreads over trainers of one place, which have no link between them', () => {
    const two = ['x', 'y'].map((key) => trainer(key, { machine: 'm', cores: 2, roundTrip: 50, upload: 1000 }));
    expect(new Set(place(chain(2, 1e6, 64_000), two, [], undefined, paceOf(2)).owners).size).toBe(2);
  });

  test('leaves a shard where it is', () => {
    expect(place(chain(2, 1e6, 64_000), links, ['a', 'c'], undefined, paceOf(2)).owners).toEqual(['a', 'c']);
  });

  test('is never slower than the best trainer alone, and keeps within the memory of each', () => {
    const candidate = fc.record({
      upload: fc.integer({ min: 1e3, max: 1e8 }),
      download: fc.integer({ min: 1e3, max: 1e8 }),
      roundTrip: fc.integer({ min: 0, max: 300 }),
      rate: fc.integer({ min: 1e9, max: 1e11 }),
      memory: fc.integer({ min: 2, max: 12 }),
      cores: fc.integer({ min: 1, max: 8 }),
    });
    const flops = fc.integer({ min: 1e3, max: 1e10 });
    fc.assert(
      fc.property(
        fc.array(candidate, { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 1, max: 10 }),
        flops,
        fc.integer({ min: 0, max: 1e6 }),
        (all, shards, work, bytes) => {
          const candidates = all.map((one, i) => trainer(`t${i}`, one));
          const needs = chain(shards, work, bytes);
          const { owners, problem } = place(needs, candidates, [], undefined, paceOf(shards));
          if (problem !== undefined) return;
          const byKey = new Map(candidates.map((c) => [c.key, c]));
          const seconds = (keys: readonly string[]): number =>
            batchSeconds(
              timed(needs, shards),
              keys.map((key) => byKey.get(key) as Candidate),
            );
          for (const { key, capability } of candidates) {
            expect(owners.filter((owner) => owner === key).length).toBeLessThanOrEqual(capability.memory);
            // An estimate tells no difference that is smaller than 3 %.
            if (capability.memory >= shards)
              expect(0.97 * seconds(owners)).toBeLessThanOrEqual(seconds(needs.map(() => key)) * (1 + 1e-9));
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('the speed that a trainer counts with', () => {
  const { capability } = trainer('a', { upload: 0, download: 5e5, roundTrip: 90 });

  test('is its own claim until its link is measured', () => {
    expect(withLink(capability, undefined)).toEqual(capability);
  });

  test('is then the smaller of the measured and the declared one, with the round trip that the gateway has seen', () => {
    const measured = { upload: 2e6, download: 8e6, roundTrip: 31, at: 7 };
    expect(withLink(capability, measured)).toEqual({ ...capability, upload: 2e6, download: 5e5, roundTrip: 31 });
  });
});
