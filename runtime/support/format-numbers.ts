/** Numbers as people read them; the same everywhere in the output. */

/** 41,870: digits in groups of three, no decimals. */
export function formatCount(count: number): string {
  if (!Number.isFinite(count)) return '?';
  return Math.round(count)
    .toString()
    .replace(/\B(?=(\d{3})+(?!\d))/g, ',');
}

/** 850 ms, 1.1 s, 42 s, 3 min 05 s, 2 h 07 min, 3 d 04 h. @param seconds zero or more */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return '?';
  if (seconds < 0.9995) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${twoDigits(whole % 60)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 1440) return `${Math.floor(minutes / 60)} h ${twoDigits(minutes % 60)} min`;
  const hours = Math.round(seconds / 3600);
  return `${Math.floor(hours / 24)} d ${twoDigits(hours % 24)} h`;
}

const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** 612 B, 1.1 KiB, 612 KiB, 39 MiB: three digits at most, binary units. */
export function formatBytes(bytes: number): string {
  if (!Number.isFinite(bytes) || bytes < 0) return '?';
  let size = bytes;
  let unit = 0;
  // 1023.5 KiB would round to a four-digit number: it is 1.0 MiB.
  while (size >= 1023.5 && unit < BYTE_UNITS.length - 1) {
    size /= 1024;
    unit += 1;
  }
  const digits = unit > 0 && size < 9.95 ? 1 : 0;
  return `${size.toFixed(digits)} ${BYTE_UNITS[unit]}`;
}

/** 0.9794 → 97.9 %. @param fraction 1 is all of it */
export function formatPercent(fraction: number): string {
  return Number.isFinite(fraction) ? `${(fraction * 100).toFixed(1)} %` : '?';
}

/** Energies, losses: four decimals where that says enough, else four significant digits (0.4127, 12.35, 3.1e-7). */
export function formatMeasure(value: number): string {
  if (Number.isNaN(value)) return 'not a number';
  if (!Number.isFinite(value)) return value > 0 ? 'infinite' : '-infinite';
  const size = Math.abs(value);
  if (size === 0) return '0';
  if (size < 0.00095 || size >= 1e6) return value.toExponential(1).replace('e+', 'e');
  if (size < 1) return value.toFixed(4);
  return size < 1000 ? value.toPrecision(4) : formatCount(value);
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}
