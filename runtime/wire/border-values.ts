/** The range of a value on a border: sending another one breaks a rule that is checked without computing. */
import type { Codec, Tensor } from './codec.ts';

/** No larger amount crosses a border: far above what a training reaches that has not come apart. */
export const MAX_BORDER_VALUE = 1e12;
/** The largest f32 that f16 does not round to infinity. */
const MAX_HALF_VALUE = 65_519.99609375;

export type ValueProblem = 'not-finite' | 'range';

/** Values as they came out of a packet. @returns nothing where they may cross */
export function valueProblem(values: Tensor): ValueProblem | undefined {
  return beyond(values, MAX_BORDER_VALUE);
}

/** Values before they are encoded: none that the codec itself makes infinite, either. */
export function sendProblem(values: Tensor, codec: Codec): ValueProblem | undefined {
  return beyond(values, codec === 'f16' ? MAX_HALF_VALUE : MAX_BORDER_VALUE);
}

function beyond(values: Tensor, most: number): ValueProblem | undefined {
  if (values instanceof Float32Array && areWithin(values, most)) return undefined;
  // Over each frame's values: an iterator would take twenty times as long.
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    // A NaN is not within any range.
    if (Math.abs(value) <= most) continue;
    return Number.isFinite(value) ? 'range' : 'not-finite';
  }
  return undefined;
}

const WITHOUT_SIGN = 0x7fffffff;
const float = new Float32Array(1);
const bits = new Int32Array(float.buffer);

/**
 * The same of all values together, in half the time: as whole numbers, the bits of amounts are in the order of the
 * amounts, with those of infinity and of no number above all others. Four sums, so that none waits for another.
 */
function areWithin(values: Float32Array, most: number): boolean {
  const all = new Int32Array(values.buffer, values.byteOffset, values.length);
  const limit = bitsUpTo(most);
  const whole = all.length & ~3;
  let [first, second, third, fourth] = [0, 0, 0, 0];
  for (let i = 0; i < whole; i += 4) {
    first |= limit - ((all[i] as number) & WITHOUT_SIGN);
    second |= limit - ((all[i + 1] as number) & WITHOUT_SIGN);
    third |= limit - ((all[i + 2] as number) & WITHOUT_SIGN);
    fourth |= limit - ((all[i + 3] as number) & WITHOUT_SIGN);
  }
  for (let i = whole; i < all.length; i++) first |= limit - ((all[i] as number) & WITHOUT_SIGN);
  return (first | second | third | fourth) >= 0;
}

/** Of the largest f32 that is not above it. */
function bitsUpTo(most: number): number {
  float[0] = most;
  const [nearest = 0] = bits;
  return (float[0] as number) > most ? nearest - 1 : nearest;
}
