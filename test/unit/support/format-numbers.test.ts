import { expect, it } from 'vitest';
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatMeasure,
  formatPercent,
} from '../../../runtime/support/format-numbers.ts';

const cases: [(value: number) => string, [number, string][]][] = [
  [
    formatCount,
    [
      [0, '0'],
      [999, '999'],
      [1000, '1,000'],
      [41869.6, '41,870'],
      [134794, '134,794'],
      [1e9, '1,000,000,000'],
      [-1234, '-1,234'],
      [Number.NaN, '?'],
    ],
  ],
  [
    formatDuration,
    [
      [0, '0 ms'],
      [0.85, '850 ms'],
      [0.9996, '1.0 s'],
      [1.1, '1.1 s'],
      [9.96, '10 s'],
      [59.4, '59 s'],
      [59.6, '1 min 00 s'],
      [185, '3 min 05 s'],
      [3599.7, '1 h 00 min'],
      [7620, '2 h 07 min'],
      [86399, '1 d 00 h'],
      [273600, '3 d 04 h'],
      [-1, '?'],
      [Number.POSITIVE_INFINITY, '?'],
    ],
  ],
  [
    formatBytes,
    [
      [0, '0 B'],
      [612, '612 B'],
      [1023, '1023 B'],
      [1024, '1.0 KiB'],
      [624640, '610 KiB'],
      [1048064, '1.0 MiB'],
      [40894464, '39 MiB'],
      [2 ** 60, '1024 PiB'],
      [-1, '?'],
    ],
  ],
  [
    formatPercent,
    [
      [0.9794, '97.9 %'],
      [1, '100.0 %'],
      [0, '0.0 %'],
      [Number.NaN, '?'],
    ],
  ],
  [
    formatMeasure,
    [
      [0, '0'],
      [0.4127, '0.4127'],
      [0.031, '0.0310'],
      [12.3456, '12.35'],
      [412.74, '412.7'],
      [41270.4, '41,270'],
      [3.14e-7, '3.1e-7'],
      [1.5e9, '1.5e9'],
      [-0.25, '-0.2500'],
      [Number.NaN, 'not a number'],
      [Number.POSITIVE_INFINITY, 'infinite'],
    ],
  ],
];

it.each(cases.flatMap(([format, pairs]) => pairs.map(([value, text]) => ({ name: format.name, format, value, text }))))(
  '$name($value) is $text',
  ({ format, value, text }) => {
    expect(format(value)).toBe(text);
  },
);
