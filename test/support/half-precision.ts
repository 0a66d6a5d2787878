/** Half precision as IEEE 754 says it, worked out in f64: what a device's own conversion is held against. */
import { HALF_MAX } from '../../spec/precision.ts';

/** The nearest number of f16, even where two are as near; beyond the largest the largest. */
export function nearestHalf(x: number): number {
  if (!Number.isFinite(x) || x === 0) return x;
  const exponent = Math.max(Math.floor(Math.log2(Math.abs(x))), -14);
  const step = 2 ** (exponent - 10);
  const steps = x / step;
  const down = Math.floor(steps);
  const up = steps - down > 0.5 || (steps - down === 0.5 && down % 2 !== 0);
  return Math.max(-HALF_MAX, Math.min(HALF_MAX, (up ? down + 1 : down) * step));
}
