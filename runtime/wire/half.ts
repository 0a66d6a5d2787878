/**
 * IEEE 754 half precision, rounded to the nearest, ties to even; what is too large becomes infinite and is refused. Bits of
 * f32 become those of halves and back without a floating-point operation: a frame has hundreds of thousands of them.
 */

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

export function toHalf(value: number): number {
  float[0] = value;
  return halfOf(bits[0] as number);
}

export function fromHalf(half: number): number {
  bits[0] = wordOf(half);
  return float[0] as number;
}

/** @param at where the first of them goes @param from which of the values are written @param to */
export function writeHalves(
  into: Uint16Array,
  at: number,
  values: Float32Array | Float64Array,
  from: number,
  to: number,
): void {
  if (values instanceof Float64Array) {
    for (let i = from; i < to; i++) into[at + i - from] = toHalf(values[i] as number);
    return;
  }
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = from; i < to; i++) into[at + i - from] = halfOf(words[i] as number);
}

/** @param values as many as there are halves: they are written */
export function readHalves(halves: Uint16Array, values: Float32Array): void {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < words.length; i++) words[i] = wordOf(halves[i] as number);
}

/** @param word bits of an f32 */
function halfOf(word: number): number {
  const sign = (word >>> 16) & 0x8000;
  const magnitude = word & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude < 0x38800000) return sign | subnormal(magnitude);
  const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1);
  return sign | ((rounded - 0x38000000) >>> 13);
}

/** Below 2^-14: steps of 2^-24. */
function subnormal(magnitude: number): number {
  const shift = 126 - (magnitude >>> 23);
  // Less than a half of a step.
  if (shift > 24) return 0;
  const digits = (magnitude & 0x7fffff) | 0x800000;
  const steps = digits >>> shift;
  const rest = digits & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  return rest > half || (rest === half && steps % 2 === 1) ? steps + 1 : steps;
}

/** Bits of an f32. */
function wordOf(half: number): number {
  const sign = (half & 0x8000) << 16;
  const magnitude = half & 0x7fff;
  if (magnitude >= 0x7c00) return sign | 0x7f800000 | ((magnitude & 0x3ff) << 13);
  if (magnitude >= 0x400) return sign | ((magnitude << 13) + 0x38000000);
  if (magnitude === 0) return sign;
  const leading = 31 - Math.clz32(magnitude);
  return sign | ((leading + 103) << 23) | ((magnitude << (23 - leading)) & 0x7fffff);
}
