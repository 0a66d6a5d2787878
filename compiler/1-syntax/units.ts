/** The units that may be glued to a number: `30Hz`, `5Mbit/s`, `2GiB`, `8h`. */

export type Dimension = 'rate' | 'time' | 'memory' | 'bandwidth';

export interface Unit {
  readonly dimension: Dimension;
  /** Multiplies the number to give hertz, seconds, bytes or bytes per second. */
  readonly factor: number;
}

const BYTES = [
  ['B', 1],
  ['kB', 1e3],
  ['MB', 1e6],
  ['GB', 1e9],
  ['TB', 1e12],
  ['KiB', 2 ** 10],
  ['MiB', 2 ** 20],
  ['GiB', 2 ** 30],
  ['TiB', 2 ** 40],
] as const;

const BITS = [
  ['bit', 1 / 8],
  ['kbit', 1e3 / 8],
  ['Mbit', 1e6 / 8],
  ['Gbit', 1e9 / 8],
] as const;

export const UNITS: ReadonlyMap<string, Unit> = new Map<string, Unit>([
  ['Hz', { dimension: 'rate', factor: 1 }],
  ['kHz', { dimension: 'rate', factor: 1e3 }],
  ['MHz', { dimension: 'rate', factor: 1e6 }],
  ['ns', { dimension: 'time', factor: 1e-9 }],
  ['us', { dimension: 'time', factor: 1e-6 }],
  ['ms', { dimension: 'time', factor: 1e-3 }],
  ['s', { dimension: 'time', factor: 1 }],
  ['min', { dimension: 'time', factor: 60 }],
  ['h', { dimension: 'time', factor: 3600 }],
  ['d', { dimension: 'time', factor: 86400 }],
  ...BYTES.map(([name, factor]): [string, Unit] => [name, { dimension: 'memory', factor }]),
  ...[...BYTES, ...BITS].map(([name, factor]): [string, Unit] => [`${name}/s`, { dimension: 'bandwidth', factor }]),
]);
