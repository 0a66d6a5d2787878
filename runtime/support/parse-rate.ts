/** Rates of a link as people write them. */

const BYTES: Readonly<Record<string, number>> = {
  'B/s': 1,
  'kB/s': 1e3,
  'MB/s': 1e6,
  'GB/s': 1e9,
  'KiB/s': 1024,
  'MiB/s': 1024 ** 2,
  'GiB/s': 1024 ** 3,
  bit: 1 / 8,
  kbit: 1e3 / 8,
  Mbit: 1e6 / 8,
  Gbit: 1e9 / 8,
};
/** A number by itself is in megabytes a second. */
const PLAIN = 'MB/s';
/** Units that sound the same; `Mb` is in neither list, since some mean bits by it and others bytes. */
const ALIASES: Readonly<Record<string, string>> = {
  B: 'B/s',
  kB: 'kB/s',
  MB: 'MB/s',
  GB: 'GB/s',
  KiB: 'KiB/s',
  MiB: 'MiB/s',
  GiB: 'GiB/s',
  'bit/s': 'bit',
  'kbit/s': 'kbit',
  'Mbit/s': 'Mbit',
  'Gbit/s': 'Gbit',
  bps: 'bit',
  kbps: 'kbit',
  Mbps: 'Mbit',
  Gbps: 'Gbit',
};
export const RATE_EXAMPLES = '1.5MB/s, 20Mbit, 800kbit/s; a number by itself is in MB/s';
/** Below this a trainer could not even say that it is there. */
export const MIN_RATE_BYTES_PER_SECOND = 1000;

/** `1.5MB/s`, `20Mbit`, `800kbit/s`, `3` in bytes a second; nothing for anything else. */
export function parseRate(text: string): number | undefined {
  const [, number, unit = ''] = /^(\d{1,12}(?:\.\d{1,9})?) ?([A-Za-z/]*)$/.exec(text.trim()) ?? [];
  const factor = BYTES[unit === '' ? PLAIN : (ALIASES[unit] ?? unit)];
  if (number === undefined || factor === undefined) return undefined;
  const bytes = Number(number) * factor;
  return bytes >= MIN_RATE_BYTES_PER_SECOND && Number.isFinite(bytes) ? bytes : undefined;
}

/** Of a round trip: `0.4 ms`, `12 ms`. */
export function formatRoundTrip(milliseconds: number): string {
  return `${milliseconds.toFixed(milliseconds < 10 ? 1 : 0)} ms`;
}

/** In bits, as links are sold: `20 Mbit/s`. */
export function formatRate(bytesPerSecond: number): string {
  const bits = 8 * bytesPerSecond;
  const [scale, unit] = bits >= 1e9 ? [1e9, 'Gbit/s'] : bits >= 1e6 ? [1e6, 'Mbit/s'] : [1e3, 'kbit/s'];
  return `${Number((bits / scale).toPrecision(3))} ${unit}`;
}
