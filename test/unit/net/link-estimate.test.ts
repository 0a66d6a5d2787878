/** The rate of a link is estimated from the moments at which pieces arrive. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type Arrival,
  afterTrain,
  estimateBetween,
  estimateRate,
  FIRST_PROBE_BYTES,
  MAX_PROBE_BYTES,
  NO_TRAINS,
  nextProbe,
  probePieces,
} from '../../../runtime/wire/link-estimate.ts';

/** Pieces of a train on a link of that rate. */
function arrivals(pieces: readonly number[], bytesPerSecond: number): Arrival[] {
  let at = 17;
  return pieces.map((bytes) => {
    at += (1000 * bytes) / bytesPerSecond;
    return { at, bytes };
  });
}

test('a train of pieces at a steady rate shows that rate', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1000, max: 1e7 }), fc.integer({ min: 4096, max: MAX_PROBE_BYTES }), (rate, bytes) => {
      const estimate = estimateRate(arrivals(probePieces(bytes), rate));
      if (estimate && estimate.milliseconds > 5)
        expect(Math.abs(estimate.bytesPerSecond - rate) / rate).toBeLessThan(0.15);
      if (estimate && estimate.milliseconds > 100)
        expect(Math.abs(estimate.bytesPerSecond - rate) / rate).toBeLessThan(0.01);
    }),
  );
});

test('a token bucket that is full at first does not make a link look fast', () => {
  const slow = arrivals(
    Array.from({ length: 32 }, () => 1024),
    50_000,
  );
  // The first six came at once.
  const burst = slow.map((arrival, i) => (i < 6 ? { ...arrival, at: 17 } : arrival));
  expect(estimateRate(burst)?.bytesPerSecond).toBeCloseTo(50_000, 3);
});

test('pieces that were read together count from the moment of the first', () => {
  const together = [0, 0, 10, 10, 20, 20].map((at) => ({ at, bytes: 1000 }));
  expect(estimateRate(together)).toEqual({ bytesPerSecond: 200_000, milliseconds: 20 });
});

test('no rate is estimated from a single moment', () => {
  expect(estimateRate([])).toBeUndefined();
  expect(estimateRate([{ at: 5, bytes: 4096 }])).toBeUndefined();
  expect(estimateRate([1, 2, 3, 4].map(() => ({ at: 5, bytes: 4096 })))).toBeUndefined();
});

test('a train of packets is timed between two moments at the far end', () => {
  expect(estimateBetween(50_000, 100, 200)).toEqual({ bytesPerSecond: 500_000, milliseconds: 100 });
  expect(estimateBetween(50_000, 100, 100).bytesPerSecond).toBe(1e8);
});

test('trains grow until they take long enough, and never beyond some megabytes', () => {
  expect(nextProbe(FIRST_PROBE_BYTES, { bytesPerSecond: 250_000, milliseconds: 98 })).toBeUndefined();
  // 20 Mbit/s: the next one takes a fifth of a second.
  expect(nextProbe(FIRST_PROBE_BYTES, { bytesPerSecond: 2.5e6, milliseconds: 10 })).toBe(500_000);
  for (const rate of [1e4, 1e6, 1e8, 1e10]) {
    let [trains, all] = [NO_TRAINS, 0];
    while (trains.bytes > 0) {
      all += trains.bytes;
      trains = afterTrain(trains, { bytesPerSecond: rate, milliseconds: (750 * trains.bytes) / rate });
    }
    expect(trains.count).toBeLessThanOrEqual(5);
    expect(trains.best).toBe(rate);
    expect(all).toBeLessThanOrEqual(3 * MAX_PROBE_BYTES);
  }
});

test('a train that was held up is sent once more, and the faster one counts', () => {
  const held = afterTrain(NO_TRAINS, { bytesPerSecond: 100_000, milliseconds: 240 });
  expect(held).toMatchObject({ bytes: FIRST_PROBE_BYTES, again: true });
  const quick = afterTrain(held, { bytesPerSecond: 2.5e6, milliseconds: 10 });
  expect(quick).toMatchObject({ bytes: 500_000, best: 2.5e6, again: false });
});

test('trains end where none of them ever arrives', () => {
  let trains = NO_TRAINS;
  while (trains.bytes > 0) trains = afterTrain(trains, undefined);
  expect(trains.count).toBeLessThanOrEqual(8);
  expect(trains.best).toBe(0);
});

test('the pieces of a train add up to the train', () => {
  fc.assert(
    fc.property(fc.integer({ min: 4096, max: MAX_PROBE_BYTES }), (bytes) => {
      const pieces = probePieces(bytes);
      const sum = pieces.reduce((all, piece) => all + piece, 0);
      expect(bytes - sum).toBeGreaterThanOrEqual(0);
      expect(bytes - sum).toBeLessThan(64);
      expect(Math.max(...pieces)).toBeLessThanOrEqual(64 * 1024);
    }),
  );
});
