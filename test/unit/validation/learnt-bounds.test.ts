/** Bounds that a border learns of its frames, and whether what a shard says of them can be so. */
import { expect, test } from 'vitest';
import { HeldBorders } from '../../../runtime/validation/held-borders.ts';
import {
  boundOf,
  heldWithin,
  LEARNT_FROM,
  NOTHING_LEARNT,
  sizeOf,
  told,
  withSeen,
} from '../../../runtime/validation/learnt-bounds.ts';
import { areBoundsOf, learntIn, withHeld } from '../../../runtime/validation/sealed-bounds.ts';
import type { HeldBorder } from '../../../runtime/wire/held-border.ts';
import { stream } from '../../../spec/random.ts';

const frame = (message: number, callIndex: number, ...values: number[]) => ({
  ...{ message, callIndex, microbatch: 0, tick: 0 },
  values: [Float64Array.from(values)],
});

test('a frame within its bound stays as it is, a larger one is clipped, then made smaller as a whole', () => {
  const within = frame(0, 0, 3, -4, 0, 0);
  expect(sizeOf([...within.values, Float64Array.of(5)])).toEqual({ largest: 5, rms: Math.sqrt(10) });
  expect(heldWithin(within, { largest: 4, rms: 2.5 })).toEqual({ frame: within, size: { largest: 4, rms: 2.5 } });
  expect(heldWithin(within, undefined).frame).toBe(within);
  expect(heldWithin(within, { largest: 3, rms: 9 }).frame.values).toEqual([Float64Array.of(3, -3, 0, 0)]);
  const { frame: held, size } = heldWithin(frame(0, 0, 100, -100, 100, 100), { largest: 8, rms: 2 });
  expect(held.values).toEqual([Float64Array.of(2, -2, 2, 2)]);
  expect(size).toEqual({ largest: 2, rms: 2 });
});

test('a bound comes behind some stretches that were not all zeros, and no single one makes it much larger', () => {
  const seen = (...sizes: number[]) =>
    sizes.reduce((learnt, largest) => withSeen(learnt, { largest, rms: largest / 2 }), NOTHING_LEARNT);
  expect(boundOf(seen(1, 0, 2, 0, 1))).toBeUndefined();
  expect(boundOf(seen(1, 0, 2, 1, 1))).toEqual({ largest: 16, rms: 4 });
  expect(boundOf(seen(1, 2, 1, 1, 1000))).toEqual({ largest: 24, rms: 6 });
  expect(boundOf(seen(1, 2, 1, 1, 0.1, 0))).toEqual({ largest: 16, rms: 4 });
});

test('a size is told in six digits, upwards', () => {
  const rng = stream(1, 'sizes');
  for (let i = 0; i < 1000; i++) {
    const size = Math.abs(rng.normal(i)) * 10 ** ((i % 20) - 10);
    expect(told(size)).toBeGreaterThanOrEqual(size);
    expect(told(size)).toBeLessThanOrEqual(size * (1 + 1e-5));
    expect(told(told(size))).toBe(told(size));
  }
});

const MESSAGES = [
  { id: 1, to: 0 },
  { id: 2, to: 0 },
  { id: 3, to: 1 },
];

type Coming = readonly [message: number, call: number, tick: number];

/** Of so many stretches of one call each, whose frames come in this order. */
function heldIn(stretches: number, order: readonly Coming[]): HeldBorder[][] {
  const borders = new HeldBorders({ needs: [], bounds: 'learnt' }, 0, MESSAGES, (call) => call + 1);
  for (const [message, call, tick] of order) {
    const rng = stream(call, `message ${message}, tick ${tick}`);
    borders.take(frame(message, call, (1 + call / 20) * rng.normal(0), rng.normal(1)), message);
  }
  return Array.from({ length: stretches }, (_, i) => [...(borders.heldUntil(i + 1) ?? [])]);
}

const STRETCHES = 12;
const inTurn: readonly Coming[] = Array.from({ length: STRETCHES }, (_, call) =>
  [0, 1].flatMap((tick) => [1, 2].map((message) => [message, call, tick] as const)),
).flat();

test('bounds are the same whichever neighbour is ahead, and where a batch begins before the last one is over', () => {
  const found = heldIn(STRETCHES, inTurn);
  expect(found.map((held) => held.map(({ bound }) => bound !== undefined))).toEqual(
    Array.from({ length: STRETCHES }, (_, i) => [i > LEARNT_FROM, i > LEARNT_FROM]),
  );
  const far = [...inTurn.filter(([message]) => message === 2), ...inTurn.filter(([message]) => message === 1)];
  expect(heldIn(STRETCHES, far)).toEqual(found);
  const moment = ([, call, tick]: Coming): number => 2 * call + 3 * tick;
  const overlapping = [...inTurn].sort((a, b) => moment(a) - moment(b));
  expect(heldIn(STRETCHES, overlapping)).toEqual(found);
});

test('a shard may hold frames to what its seals give, or to more, and never to less; also where seals are missing', () => {
  const all = heldIn(STRETCHES, inTurn);
  const less = (held: readonly HeldBorder[], part: 'largest' | 'rms') =>
    held.map((one) => (one.bound ? { ...one, bound: { ...one.bound, [part]: one.bound[part] * 0.9 } } : one));
  for (let missing = 0; missing <= STRETCHES; missing++) {
    let known = learntIn(undefined, { shard: 0, term: 1, begins: 0 });
    for (const [i, held] of all.entries()) {
      if (i === missing) continue;
      expect(areBoundsOf(known, i, held)).toBe(true);
      if (i > LEARNT_FROM && missing > i)
        for (const part of ['largest', 'rms'] as const) expect(areBoundsOf(known, i, less(held, part))).toBe(false);
      const early = held.map((one) => ({ ...one, bound: one }));
      if (i === 0) expect(areBoundsOf(known, i, early)).toBe(false);
      known = withHeld(known, { from: i, calls: i + 1 }, held);
    }
    expect(known.whole).toBe(missing >= STRETCHES - 1);
  }
});
