/** The draw of stretches that are audited: how often, how evenly, and who can change it. */
import { expect, test } from 'vitest';
import {
  AUDIT_RATE,
  AUDIT_RATE_FLOOR,
  type Contribution,
  isDrawn,
  pledgeOf,
  seedOf,
} from '../../../runtime/audit/draw.ts';
import { stream } from '../../../spec/random.ts';

const hash = (digit: string): string => digit.repeat(64);
const CONTRIBUTIONS: readonly Contribution[] = [0, 1, 2].map((shard) => ({
  ...{ shard, hash: hash('a'), windows: hash('b'), nonce: hash(String(shard)) },
}));
const seedAt = (from: number, contributions = CONTRIBUTIONS, secret = hash('c')): string =>
  seedOf({ run: 'r', term: 1, from }, secret, contributions);

/** Of so many draws at this rate, four standard deviations. */
const within = (draws: number, rate: number): number => 4 * Math.sqrt(draws * rate * (1 - rate));

test('stretches are drawn at their rate, each trainer for itself, the first and the last as often as others', () => {
  const draws = 20_000;
  for (const rate of [AUDIT_RATE, 0.5]) {
    const drawn = { ann: 0, ben: 0, both: 0 };
    const parts = [0, 0, 0, 0];
    for (let from = 0; from < draws; from++) {
      const [ann, ben] = ['ann', 'ben'].map((key) => isDrawn(seedAt(from), key, rate));
      drawn.ann += ann ? 1 : 0;
      drawn.ben += ben ? 1 : 0;
      drawn.both += ann && ben ? 1 : 0;
      if (ann) parts[Math.floor((4 * from) / draws)] = (parts[Math.floor((4 * from) / draws)] ?? 0) + 1;
    }
    for (const count of [drawn.ann, drawn.ben])
      expect(Math.abs(count - rate * draws)).toBeLessThan(within(draws, rate));
    expect(Math.abs(drawn.both - rate * rate * draws)).toBeLessThan(within(draws, rate * rate));
    for (const count of parts) expect(Math.abs(count - (rate * draws) / 4)).toBeLessThan(within(draws / 4, rate));
  }
  // The first stretch of a run and any other one may come out, in some term.
  const terms = Array.from({ length: 400 }, (_, term) => seedOf({ run: 'r', term, from: 0 }, hash('c'), CONTRIBUTIONS));
  expect(terms.some((seed) => isDrawn(seed, 'ann', AUDIT_RATE))).toBe(true);
});

test('the rate has a floor', () => {
  const drawn = Array.from({ length: 20_000 }, (_, from) => isDrawn(seedAt(from), 'ann', 0)).filter(Boolean).length;
  expect(Math.abs(drawn - AUDIT_RATE_FLOOR * 20_000)).toBeLessThan(within(20_000, AUDIT_RATE_FLOOR));
});

test('a trainer that sees what all others give, and tries many ends, windows and numbers, gains nothing', () => {
  const rng = stream(7, 'grinding');
  let drawn = 0;
  const stretches = 5000;
  for (let from = 0; from < stretches; from++) {
    // It takes what would let it go under the secret that it guesses; the real one it has only seen the pledge of.
    const guess = hash(String(Math.floor(10 * rng.uniform(from))));
    const tries = Array.from({ length: 20 }, (_, i) => own(`${from}/${i}`));
    const best = tries.find((mine) => !isDrawn(seedAt(from, mine, guess), 'ann', 0.5)) ?? own('x');
    if (isDrawn(seedAt(from, best, hash('d')), 'ann', 0.5)) drawn++;
  }
  expect(Math.abs(drawn - stretches / 2)).toBeLessThan(within(stretches, 0.5));
  // Under the secret itself the same search always succeeds: that it does not know it is what protects.
  const known = Array.from({ length: 20 }, (_, i) => own(`known/${i}`));
  expect(known.some((mine) => !isDrawn(seedAt(1, mine, hash('d')), 'ann', 0.5))).toBe(true);
});

test('a synchronizer that knows its secret cannot choose either: each number of a trainer moves the draw', () => {
  const outcomes = Array.from({ length: 64 }, (_, i) => isDrawn(seedAt(1, own(`nonce/${i}`)), 'ann', 0.5));
  expect(new Set(outcomes).size).toBe(2);
  // Left out, it moves it as well; in another order it does not.
  expect(seedAt(1, CONTRIBUTIONS.slice(1))).not.toBe(seedAt(1));
  expect(seedAt(1, [...CONTRIBUTIONS].reverse())).toBe(seedAt(1));
  expect(pledgeOf(hash('a'))).not.toBe(pledgeOf(hash('b')));
  expect(pledgeOf(hash('a'))).not.toBe(hash('a'));
});

/** Its own contribution in place of that of shard 0. */
function own(text: string): Contribution[] {
  const [mine, ...others] = CONTRIBUTIONS;
  return mine ? [{ ...mine, nonce: pledgeOf(text) }, ...others] : [];
}
