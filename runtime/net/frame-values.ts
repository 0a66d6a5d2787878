/** Values of frames before they leave a shard. */
import type { Tensor } from '../device/device.ts';
import type { Call } from '../training/calls.ts';
import { sendProblem } from '../wire/border-values.ts';
import type { Codec } from '../wire/codec.ts';

/**
 * The neighbour would hold against this trainer what it has signed: it fails here, by itself, and says why.
 * @param way of which the message speaks: `shard 0 for shard 1`
 * @throws Error `border/range`, `energy/not-finite`
 */
export function assertMayCross(values: readonly Tensor[], codec: Codec, way: string, call: Call | undefined): void {
  const problem = values.map((v) => sendProblem(v, codec)).find((p) => p !== undefined);
  if (problem === undefined) return;
  const what = problem === 'range' ? `too large for ${codec}` : 'no longer a finite number';
  throw notFinite(problem === 'range' ? 'border/range' : 'energy/not-finite', `a value of ${way} is ${what}`, call);
}

/** Said of the call, so that people know how far the training came. */
export function notFinite(code: string, what: string, call: Call | undefined): Error {
  const where = call ? ` (epoch ${call.epoch + 1}, batch ${call.batch + 1})` : '';
  return Object.assign(new Error(`${what}${where}`), { code });
}
