/** Senses with different rates: the base step is the least common multiple of them (30, 100 and 50 Hz: 300 Hz). */
import type { Reporter } from '../../diagnostics/reporter.ts';
import type { NodeInstance } from '../checked.ts';

/** Rates are told apart to a thousandth of a hertz. */
const PER_HERTZ = 1000;
/** Base steps a second beyond which nothing could be trained. */
const MAX_RATE = 1_000_000;

/** Base steps per second; undefined without rates, or after a report. */
export function baseRate(nodes: readonly NodeInstance[], reporter: Reporter): number | undefined {
  const timed = nodes.filter((node) => node.rate !== undefined);
  let base = 0;
  for (const node of timed) {
    const rate = Math.round((node.rate ?? 0) * PER_HERTZ);
    if (rate < 1 || Math.abs(rate / PER_HERTZ - (node.rate ?? 0)) > 1e-9) {
      reporter.report('rate/base', node.span, `${node.rate} Hz is not a multiple of a thousandth of a hertz`, {
        repair: 'round it',
      });
      return undefined;
    }
    const next = base === 0 ? rate : (base / greatestCommonDivisor(base, rate)) * rate;
    if (next / PER_HERTZ > MAX_RATE) {
      const [first] = timed;
      reporter.report(
        'rate/base',
        node.span,
        `the rates of the senses together need ${next / PER_HERTZ} steps a second; the most are ${MAX_RATE}`,
        {
          repair: 'choose rates with a common multiple',
          labels:
            first === undefined || first === node ? undefined : [{ span: first.span, text: `${first.rate} Hz here` }],
        },
      );
      return undefined;
    }
    base = next;
  }
  return base === 0 ? undefined : base / PER_HERTZ;
}

function greatestCommonDivisor(a: number, b: number): number {
  let [x, y] = [a, b];
  while (y > 0) [x, y] = [y, x % y];
  return x;
}
