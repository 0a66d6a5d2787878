/** Small plots made of text. */

import { formatMeasure, formatPercent } from './format-numbers.ts';

const BLOCKS = '▁▂▃▄▅▆▇█';

/** ▇▆▅▄▄▃: a character a value, between the least and the greatest. Longer series are averaged to `width`. */
export function sparkline(values: readonly number[], width = 20): string {
  const points = resample(values, Math.min(width, values.length));
  const { low, high } = range(points);
  return points
    .map((value) => {
      if (!Number.isFinite(value)) return ' ';
      const level = high === low ? 0 : Math.round(((value - low) / (high - low)) * (BLOCKS.length - 1));
      return BLOCKS[level];
    })
    .join('');
}

export interface PlotRow {
  readonly epoch: number;
  readonly energy?: number | null | undefined;
  /** Fraction right. */
  readonly accuracy?: number | null | undefined;
}

const LABEL_WIDTH = 9;
const SERIES_ROWS = 3;

/**
 * Energy and accuracy by epoch for the end of training: 3 lines each, 1 of epochs, at most `columns` wide.
 * Empty when there are fewer than two epochs: a point is not a curve.
 */
export function smallPlot(rows: readonly PlotRow[], columns = 60): string {
  if (rows.length < 2) return '';
  const width = Math.max(8, columns - LABEL_WIDTH - 1);
  const lines: string[] = [];
  lines.push(
    ...series(
      'energy',
      rows.map(({ energy }) => energy ?? Number.NaN),
      width,
      formatMeasure,
    ),
  );
  lines.push(
    ...series(
      'test',
      rows.map(({ accuracy }) => accuracy ?? Number.NaN),
      width,
      formatPercent,
    ),
  );
  if (lines.length === 0) return '';
  const first = String(rows.at(0)?.epoch);
  const last = String(rows.at(-1)?.epoch);
  lines.push(`${'epoch'.padStart(LABEL_WIDTH)} ${first}${last.padStart(width - first.length)}`);
  return lines.join('\n');
}

/** Rows of blocks, the greatest value named at the top, the least at the bottom. */
function series(name: string, values: readonly number[], width: number, format: (value: number) => string): string[] {
  if (!values.some(Number.isFinite)) return [];
  const { low, high } = range(values);
  // Eighths of a row, at least one, so that the least value is seen too.
  const eighths = stretch(values, width).map((value) => {
    if (!Number.isFinite(value)) return 0;
    return high === low ? SERIES_ROWS * 4 : 1 + Math.round(((value - low) / (high - low)) * (SERIES_ROWS * 8 - 1));
  });
  return Array.from({ length: SERIES_ROWS }, (_, row) => {
    const below = (SERIES_ROWS - 1 - row) * 8;
    const text = eighths.map((level) => (level <= below ? ' ' : BLOCKS[Math.min(8, level - below) - 1])).join('');
    const label = row === 0 ? format(high) : row === SERIES_ROWS - 1 ? format(low) : name;
    return `${label.padStart(LABEL_WIDTH)} ${text}`.trimEnd();
  });
}

/** As many values as columns: repeated when there are fewer, averaged when there are more. */
function stretch(values: readonly number[], width: number): number[] {
  if (values.length >= width) return resample(values, width);
  return Array.from(
    { length: width },
    (_, column) => values[Math.floor((column * values.length) / width)] ?? Number.NaN,
  );
}

/** Means of `count` equal parts; `count` at most the number of values. */
function resample(values: readonly number[], count: number): number[] {
  return Array.from({ length: count }, (_, index) => {
    const from = Math.floor((index * values.length) / count);
    const part = values.slice(from, Math.floor(((index + 1) * values.length) / count)).filter(Number.isFinite);
    return part.length === 0 ? Number.NaN : part.reduce((sum, value) => sum + value, 0) / part.length;
  });
}

function range(values: readonly number[]): { low: number; high: number } {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return { low, high };
}
