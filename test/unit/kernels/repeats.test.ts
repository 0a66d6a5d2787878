/** Sequences as repetitions, and cut into groups: nothing is lost, and no group is larger than it may be. */
import { array, assert, constantFrom, integer, property } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { inGroups, repeats, type Stretch } from '../../../compiler/7-kernels/wgsl/repeats.ts';

const expanded = (stretches: readonly Stretch[], items: readonly string[]): string[] =>
  stretches.flatMap(({ first, period, times }) =>
    Array.from({ length: times }, () => items.slice(first, first + period)).flat(),
  );

const sequence = array(constantFrom('a', 'b', 'c'), { maxLength: 60 });

describe('repetitions of a sequence', () => {
  test('are its ticks, between what is before and after them', () => {
    const items = [...'xy', ...'abc'.repeat(20), ...'zw'];
    expect(repeats(items)).toEqual([
      { first: 0, period: 1, times: 1 },
      { first: 1, period: 1, times: 1 },
      { first: 2, period: 3, times: 20 },
      { first: 62, period: 1, times: 1 },
      { first: 63, period: 1, times: 1 },
    ]);
  });

  test('expand to the sequence', () => {
    const check = property(sequence, (items) => {
      expect(expanded(repeats(items), items)).toEqual(items);
    });
    assert(check, { seed: 1 });
  });
});

describe('groups of repetitions', () => {
  test('hold the whole sequence in order, and no more than they may', () => {
    const sizes = integer({ min: 4, max: 12 });
    const check = property(sequence, sizes, sizes, (items, mostWritten, more) => {
      const most = mostWritten + more;
      // What repeats is shorter than a group.
      const stretches = repeats(items).flatMap((s) => (s.period <= 4 ? [s] : apart(s)));
      const groups = inGroups(stretches, mostWritten, most);
      expect(expanded(groups.flat(), items)).toEqual(items);
      for (const group of groups) {
        expect(group.reduce((sum, s) => sum + s.period, 0)).toBeLessThanOrEqual(mostWritten);
        expect(group.reduce((sum, s) => sum + s.period * s.times, 0)).toBeLessThanOrEqual(most);
      }
    });
    assert(check, { seed: 1 });
  });

  test('cut a repetition that is too long between two rounds of it', () => {
    expect(inGroups([{ first: 0, period: 3, times: 5 }], 4, 7)).toEqual([
      [{ first: 0, period: 3, times: 2 }],
      [{ first: 6, period: 3, times: 2 }],
      [{ first: 12, period: 3, times: 1 }],
    ]);
  });
});

const apart = ({ first, period, times }: Stretch): Stretch[] =>
  Array.from({ length: period * times }, (_, i) => ({ first: first + i, period: 1, times: 1 }));
