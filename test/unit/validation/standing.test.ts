/** How suspicious a trainer is, of what, and how often it is audited for that. */
import { describe, expect, test } from 'vitest';
import { AUDIT_RATE, AUDIT_RATE_FLOOR } from '../../../runtime/audit/draw.ts';
import { auditRateOf, NEW_KEY_RATE, SUSPECT_RATE } from '../../../runtime/validation/audit-rate.ts';
import { type BorderHistory, FALSE_CHANCE, judged, MIN_PAST, NO_HISTORY } from '../../../runtime/validation/history.ts';
import {
  bareBefore,
  NO_WATCH,
  type RunWatch,
  type Standing,
  UNKNOWN,
  withDraw,
  withEnergy,
  withStretch,
  withVerdict,
  withWeights,
} from '../../../runtime/validation/standing.ts';
import type { SeenBorder } from '../../../runtime/wire/messages.ts';
import { type RandomStream, stream } from '../../../spec/random.ts';

/** Of which the logarithms of sizes are made, and shares; how many times the chance that is allowed each may take. */
const NOISES = {
  normal: { times: 1, of: (rng: RandomStream, i: number) => rng.normal(i) },
  'exponential tails': {
    times: 4,
    of: (rng: RandomStream, i: number) => {
      const u = 2 * rng.uniform(i) - 1;
      return -Math.sign(u) * Math.log(1 - Math.abs(u) + 1e-12);
    },
  },
  'a few samples in a stretch': {
    times: 2,
    of: (rng: RandomStream, i: number) => Math.log(1e-9 + rng.normal(2 * i) ** 2 + rng.normal(2 * i + 1) ** 2),
  },
} as const;

const OWNERS = ['a', 'b'];
const SKETCH = Array.from({ length: 16 }, () => 0.25);
const SEEN = { message: 3, from: 0, frames: 10, rms: 2, largest: 9, zeros: 0, beyond: 0, repeated: 0, copied: 0 };

/** Shard 1 has seen this of shard 0; states move on. */
function stretch(watch: RunWatch, at: number, more: Partial<SeenBorder> = {}, hash = `state ${at}`): RunWatch {
  const seen = [{ ...SEEN, sketch: SKETCH, ...more }];
  const place = { term: 1, from: at };
  const next = withStretch(watch, { ...place, shard: 1, state: { calls: at + 1, hash: `other ${at}` }, seen }, OWNERS);
  return withStretch(next, { ...place, shard: 0, state: { calls: at + 1, hash }, seen: [] }, OWNERS);
}

/** Sizes that differ by some percent from stretch to stretch. */
function usual(stretches: number): RunWatch {
  const rng = stream(1, 'sizes');
  let watch = NO_WATCH;
  for (let at = 0; at < stretches; at++) watch = stretch(watch, at, { rms: 2 + 0.1 * rng.normal(at) });
  return watch;
}

const of = (watch: RunWatch, key: string): Standing => watch.keys[key] ?? UNKNOWN;

describe('suspicion', () => {
  test('is not of what is as it was, and not of a shard that only saw it', () => {
    const watch = usual(100);
    expect([of(watch, 'a').suspicion, of(watch, 'b').suspicion]).toEqual([0, 0]);
    expect(of(stretch(watch, 100, { rms: 3.2 }), 'b').suspicion).toBe(0);
  });

  test.each([
    ['ten times as large', { rms: 20, largest: 90 }, /shard 0 for shard 1 are 1\d\.\d times as large/],
    ['half as large again', { rms: 3, largest: 13.5 }, /are 1\.\d times as large/],
    ['all zero', { rms: 0, largest: 0, zeros: 1 }, /all zero/],
    ['copies of earlier ones', { repeated: 0.5 }, /repeat earlier ones in 50 % of cases/],
    ['those of another shard', { copied: 0.1 }, /another shard in 10 % of cases/],
    ['beyond what a node can have', { beyond: 0.001 }, /cannot have/],
    ['negative', { sketch: SKETCH.map((n) => -n) }, /point to elsewhere/],
  ] as const)('is of frames that are %s', (_, more, why) => {
    const { suspicion, why: said } = of(stretch(usual(20), 20, more), 'a');
    expect(suspicion).toBeGreaterThan(0.2);
    expect(said).toMatch(why);
  });

  test.each(Object.keys(NOISES))('is hardly ever of what differs by chance alone: %s', (name) => {
    const { times, of: noise } = NOISES[name as keyof typeof NOISES];
    let [seals, suspected] = [0, 0];
    for (let seed = 1; seed <= 25; seed++) {
      const rng = stream(seed, name);
      const borders: BorderHistory[] = [NO_HISTORY, NO_HISTORY, NO_HISTORY, NO_HISTORY];
      let i = 0;
      for (let at = 0; at < 40; at++) {
        let isUnusual = false;
        for (const [message, history] of borders.entries()) {
          const of = (size: number): number => size * Math.exp(0.5 * noise(rng, i++));
          const sketch = SKETCH.map((n) => n + noise(rng, i++));
          const share = (of: number): number => Math.max(0, of + 0.02 * noise(rng, i++));
          const sizes = { rms: of(2), largest: of(9), zeros: share(0.3), repeated: share(0.2), copied: share(0.1) };
          const found = judged(history, { ...SEEN, message, ...sizes, sketch }, borders.length);
          borders[message] = found.history;
          isUnusual ||= found.unusual !== undefined;
        }
        if (at < MIN_PAST) continue;
        seals++;
        if (isUnusual) suspected++;
      }
    }
    // Three standard errors of what is allowed.
    const allowed = times * FALSE_CHANCE + 3 * Math.sqrt((times * FALSE_CHANCE) / seals);
    expect(suspected / seals, `${suspected} of ${seals}`).toBeLessThanOrEqual(allowed);
  });

  test('is of a state that has not moved, or was there before; not of one that never moves, or is done again', () => {
    expect(of(stretch(usual(5), 5, {}, 'state 4'), 'a')).toMatchObject({ why: 'the state of shard 0 has not moved' });
    expect(of(stretch(usual(5), 5, {}, 'state 2'), 'a').why).toBe('the state of shard 0 is the one of call 3 again');
    let still = NO_WATCH;
    for (let at = 0; at < 5; at++) still = stretch(still, at, {}, 'none');
    expect(of(still, 'a').suspicion).toBe(0);
    // The run has gone back to call 2.
    expect(of(stretch(usual(5), 2), 'a').suspicion).toBe(0);
  });

  test('is of an energy that jumps, and of weights that do', () => {
    const wide = { tensor: 'w', elements: 10_000 };
    let watch = NO_WATCH;
    const rng = stream(2, 'weights');
    const snapshot = (at: number, moved: number, size: number, energy: number): RunWatch => {
      const place = { shard: 0, term: 1, since: 10 * at };
      const next = withEnergy(watch, { ...place, energy }, OWNERS);
      return withWeights(next, { ...place, calls: 10 * at + 10, tensors: [{ ...wide, moved, size }] }, OWNERS);
    };
    // Energies fall and weights grow while a model learns.
    for (let at = 0; at < 12; at++)
      watch = snapshot(at, 0.01 * (1 + 0.1 * rng.normal(at)), 1 + 0.05 * at, 10 * 0.9 ** at);
    expect(of(watch, 'a').suspicion).toBe(0);
    expect(of(snapshot(12, 0.01, 1.6, 500), 'a').why).toMatch(/^the energy of shard 0 is .* times as large as before$/);
    expect(of(snapshot(12, 0, 1.6, 2.5), 'a').why).toMatch(/^the weight w of shard 0 moves .* times as far/);
    expect(of(snapshot(12, 0.2, 1.6, 2.5), 'a').why).toMatch(/moves \d+ times as far in a call as before$/);
    expect(of(snapshot(12, 0.01, 8, 2.5), 'a').why).toMatch(
      /^the weight w of shard 0 is \d\.\d times as large as before/,
    );
    // Of a density an energy may be less than nothing.
    expect(of(snapshot(12, 0.01, 1.6, -3), 'a').suspicion).toBe(0);
  });

  test('fades, is cleared by a match of that stretch or a later one, and by nothing else', () => {
    const watch = stretch(usual(20), 20, { rms: 20 });
    // Its own seal comes behind the one of the neighbour that has seen it.
    expect(of(watch, 'a').suspicion).toBe(0.9);
    expect(of(stretch(watch, 21), 'a').suspicion).toBeCloseTo(0.81);
    const looked = { trainer: 'a', term: 1, from: 20 };
    expect(of(withVerdict(watch, { ...looked, from: 19 }, 'match'), 'a').suspicion).toBe(0.9);
    for (const verdict of ['mismatch', 'inconclusive', 'undelivered'] as const)
      expect(of(withVerdict(watch, looked, verdict), 'a').suspicion).toBe(0.9);
    const cleared = withVerdict(watch, looked, 'match');
    expect(of(cleared, 'a')).toMatchObject({ suspicion: 0, looked: 1 });
    // It was right: it may stay where it is.
    expect(of(stretch(cleared, 21, { rms: 20 }), 'a').suspicion).toBe(0);
  });

  test('has no more room for messages that a neighbour makes up', () => {
    let watch = usual(20);
    for (let at = 20; at < 220; at++) watch = stretch(watch, at, { message: at });
    expect(Object.keys(watch.borders)).toHaveLength(128);
    expect(of(stretch(watch, 220, { rms: 20 }), 'a').suspicion).toBeGreaterThan(0.2);
  });

  test('is not of what becomes larger from stretch to stretch', () => {
    let watch = usual(20);
    for (let at = 20; at < 60; at++) watch = stretch(watch, at, { rms: 2 * 1.05 ** (at - 20) });
    expect(of(watch, 'a').suspicion).toBe(0);
  });
});

describe('the rate', () => {
  test('of a key that has little to lose in a run makes each lie cost more than it saves, whatever is known of it', () => {
    for (let bare = 0; bare < 200; bare++) {
      const rate = auditRateOf({ looked: 1000, suspicion: 0, bare }, AUDIT_RATE);
      // Of its pay, work costs four fifths: found, a lie is not paid, and neither is what is pending.
      expect((1 - rate) * 0.8 + rate * (0.8 - 1 - bare), `behind ${bare} others`).toBeLessThan(0);
      if (bare >= 40) expect(rate).toBe(AUDIT_RATE);
    }
    // A key that an operator has listed begins at the rate of all.
    expect(auditRateOf({ looked: 0, suspicion: 0, bare: 0 }, AUDIT_RATE, AUDIT_RATE)).toBe(AUDIT_RATE);
  });

  test('counts what was not drawn, since the last gap and the last stretch that was wrong', () => {
    const draws = [false, true, false].entries();
    let watch = NO_WATCH;
    for (const [i, isDrawn] of draws) watch = withDraw(watch, 'a', { from: 2 * i, to: 2 * i + 2 }, isDrawn);
    const standing = watch.keys.a ?? UNKNOWN;
    expect([bareBefore(standing, 6), bareBefore(standing, 4), bareBefore(standing, 8)]).toEqual([2, 2, 0]);
    expect(bareBefore(withVerdict(watch, { trainer: 'a', term: 1, from: 2 }, 'mismatch').keys.a ?? UNKNOWN, 6)).toBe(0);
    expect(bareBefore(UNKNOWN, 0)).toBe(0);
  });
});

test('the rate is high for new keys and suspicious ones, and never below that of all, nor that below the floor', () => {
  const rate = (looked: number, suspicion = 0, all = AUDIT_RATE) => auditRateOf({ looked, suspicion }, all);
  expect([0, 1, 2, 12, 13, 1000].map((looked) => rate(looked))).toEqual([
    NEW_KEY_RATE,
    NEW_KEY_RATE * 0.75,
    NEW_KEY_RATE * 0.75 ** 2,
    NEW_KEY_RATE * 0.75 ** 12,
    AUDIT_RATE,
    AUDIT_RATE,
  ]);
  expect(rate(1000, 1)).toBe(SUSPECT_RATE);
  expect(rate(1000, 0.5)).toBeCloseTo((SUSPECT_RATE + AUDIT_RATE) / 2);
  expect([rate(1000, 0, 0), rate(1000, 1, 1)]).toEqual([AUDIT_RATE_FLOOR, 1]);
});
