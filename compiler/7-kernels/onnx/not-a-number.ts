/** The largest of several values where one of them is NaN. */
import { CAST } from './casts.ts';
import type { OnnxEmitter } from './emitter.ts';

/**
 * Adds the largest of `x` by `over`, and NaN where one of those is NaN. ONNX Runtime's `ReduceMax` and `MaxPool`
 * pass over it or not, depending on where it stands, so it is looked for beside them.
 */
export function orNotANumber(e: OnnxEmitter, x: string, over: (of: string) => string, output?: string): string {
  const found = e.node('Cast', [over(e.node('Cast', [e.node('IsNaN', [x])], { to: CAST.float }))], { to: CAST.bool });
  return e.node('Where', [found, e.number(Number.NaN), over(x)], {}, output);
}
