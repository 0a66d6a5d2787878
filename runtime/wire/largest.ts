/** The k-th largest amount of many numbers, without sorting them: two or three looks at all of them. Pure. */

const WITHOUT_SIGN = 0x7fffffff;
/** How many bits each look sorts by, from the highest of 31. */
const LOOKS = [11, 10, 10] as const;
/** The bits of numbers where they lie, as whole numbers. */
export function bitsOf(values: Float32Array): Int32Array {
  return new Int32Array(values.buffer, values.byteOffset, values.length);
}

const counts = new Uint32Array(2048);

/**
 * @param values finite
 * @param k from 1, at most their number
 * @returns its bits without the sign, as a whole number: those of amounts are in the order of the amounts
 */
export function bitsOfLargest(values: Float32Array, k: number): number {
  const bits = bitsOf(values);
  let [prefix, shift, left] = [0, 31, k];
  for (const width of LOOKS) {
    const above = shift;
    shift -= width;
    counts.fill(0);
    for (let i = 0; i < bits.length; i++) {
      const amount = (bits[i] as number) & WITHOUT_SIGN;
      // The first look has nothing above it: a shift by 31 leaves nothing.
      if (amount >>> above !== prefix) continue;
      const bin = (amount >>> shift) & ((1 << width) - 1);
      counts[bin] = (counts[bin] as number) + 1;
    }
    let bin = (1 << width) - 1;
    while (bin > 0 && left > (counts[bin] as number)) left -= counts[bin--] as number;
    prefix = (prefix << width) | bin;
  }
  return prefix;
}
