/** How many bytes numbers take on a border, for predictions: what is packed depends on the numbers. */
import type { Codec } from './codec.ts';

/** Of one number: in the first frame of a message in a call, of which half go on from another message, and in those that follow. */
export interface NumberBytes {
  readonly first: number;
  readonly later: number;
}

/** Of rows of 64, an eighth of the changes sent, a threshold for every row. */
export const NUMBER_BYTES: Readonly<Record<Codec, NumberBytes>> = {
  f32: { first: 4, later: 4 },
  f16: { first: 2, later: 2 },
  f64: { first: 8, later: 8 },
  int8: { first: 2.06, later: 1.06 },
  changes: { first: 2.3, later: 0.63 },
  'changes+f16': { first: 2.2, later: 0.38 },
  'changes+int8': { first: 1.7, later: 0.26 },
  ternary: { first: 1.7, later: 0.22 },
};

/** @param parts of a batch in flight side by side: each has so small a share of the numbers */
export function numberBytes(codec: Codec, parts: number): NumberBytes {
  const { first, later } = NUMBER_BYTES[codec];
  return { first: first / parts, later: later / parts };
}
