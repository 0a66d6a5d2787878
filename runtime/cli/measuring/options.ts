/** Options of the commands that measure a machine. */
import { DEVICE, JSON_LINES, PRECISION } from '../shell/common-options.ts';
import { type Given, text } from '../shell/options.ts';

export const BENCH = {
  ...JSON_LINES,
  ...DEVICE,
  ...PRECISION,
  only: text('one part: tiles, product, copy, network, convolution or attention'),
};
export type BenchArguments = Given<typeof BENCH>;
