/** Rates of links as people write them. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { rate } from '../../../runtime/cli/shell/rate-option.ts';
import { formatRate, MIN_RATE_BYTES_PER_SECOND, parseRate } from '../../../runtime/support/parse-rate.ts';

test.each([
  ['1.5MB/s', 1.5e6],
  ['20Mbit', 2.5e6],
  ['800kbit/s', 1e5],
  ['2 Gbit/s', 2.5e8],
  ['1MiB/s', 1_048_576],
  ['100Mbps', 1.25e7],
  // By itself it is in megabytes, as it was before there were units.
  ['3', 3e6],
  ['0.5', 5e5],
])('%s is read as a rate', (text, bytes) => {
  expect(parseRate(text)).toBe(bytes);
});

test.each(['', '0', '-1', '1e3', '20Mb', '5 parsecs', 'NaN', '1MB/s/s', '999B/s', '1.5.5', 'Infinity'])(
  '%j is not a rate',
  (text) => {
    expect(parseRate(text)).toBeUndefined();
  },
);

test('a rate with a unit is that many of the unit, for any number', () => {
  const units: readonly (readonly [string, number])[] = [
    ['B/s', 1],
    ['kB/s', 1e3],
    ['MB/s', 1e6],
    ['kbit', 125],
    ['Mbit/s', 125_000],
    ['', 1e6],
  ];
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1e9 }),
      fc.integer({ min: 0, max: 999 }),
      fc.constantFrom(...units),
      (whole, part, [unit, factor]) => {
        const number = Number(`${whole}.${String(part).padStart(3, '0')}`);
        const bytes = number * factor;
        const expected = bytes >= MIN_RATE_BYTES_PER_SECOND ? bytes : undefined;
        expect(parseRate(`${number}${unit}`)).toBe(expected);
      },
    ),
  );
});

test('any text gives a rate that is a finite number, or nothing', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 12 }), (text) => {
      const bytes = parseRate(text);
      expect(bytes === undefined || (Number.isFinite(bytes) && bytes >= MIN_RATE_BYTES_PER_SECOND)).toBe(true);
    }),
  );
});

test('a rate that is printed is read back, to three digits', () => {
  fc.assert(
    fc.property(fc.double({ min: 2000, max: 1e10, noNaN: true }), (bytes) => {
      const back = parseRate(formatRate(bytes)) ?? 0;
      expect(Math.abs(back - bytes) / bytes).toBeLessThan(0.01);
    }),
  );
});

test('an option that is not a rate is refused by its name, with examples', () => {
  expect(() => rate('').read({ 'max-upload': '20Mb' }, 'max-upload')).toThrow(
    expect.objectContaining({
      code: 'usage/rate',
      message: '--max-upload needs a rate of at least 1 kB/s, not 20Mb',
      repair: expect.stringContaining('--max-upload 20Mbit'),
    }),
  );
  expect(rate('').read({ 'max-upload': '0.25' }, 'max-upload')).toBe(250_000);
});
