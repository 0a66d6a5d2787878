/** Values of frames before they leave a shard. */
import type { Tensor } from '../device/device.ts';
import type { Call } from '../training/calls.ts';
import { sendProblem } from '../wire/border-values.ts';
import { type Codec, decodeValues, encodeValues } from '../wire/codec.ts';

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

/**
 * Values that stay in the process lose what they would lose on the way: the placement changes no result.
 * @param isKept their memory is used again: it keeps nothing for another shard
 */
export function asCarried(values: readonly Tensor[], codec: Codec, isKept: boolean): readonly Tensor[] {
  if (codec !== 'f16') return isKept ? values.map((v) => v.slice()) : values;
  return decodeValues(
    encodeValues(values, 'f16'),
    values.map((v) => v.length),
    'f16',
  );
}
