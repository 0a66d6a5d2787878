/** The range of a value on a border: sending another one breaks a rule that is checked without computing. */
import type { Codec, Tensor } from './codec.ts';
import { largestAmount } from './largest-amount.ts';

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
  if (values instanceof Float32Array && largestAmount(values) <= bitsUpTo(most)) return undefined;
  // Over each frame's values: an iterator would take twenty times as long.
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    // A NaN is not within any range.
    if (Math.abs(value) <= most) continue;
    return Number.isFinite(value) ? 'range' : 'not-finite';
  }
  return undefined;
}

const float = new Float32Array(1);
const bits = new Int32Array(float.buffer);

/** Of the largest f32 that is not above it. */
function bitsUpTo(most: number): number {
  float[0] = most;
  const [nearest = 0] = bits;
  return (float[0] as number) > most ? nearest - 1 : nearest;
}
