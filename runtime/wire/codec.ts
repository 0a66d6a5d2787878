/** Border values as bytes, little-endian. */

import { ofPresent, zeroedBytes } from '../support/bounded.ts';
import { fromHalf, toHalf } from './half.ts';

export type Tensor = Float32Array | Float64Array;
/** On the wire: 0 f32, 1 f16, 2 f64 (exact, for the reference device). */
export const CODECS = ['f32', 'f16', 'f64'] as const;
export type Codec = (typeof CODECS)[number];
export const CODEC_BYTES: Readonly<Record<Codec, number>> = { f32: 4, f16: 2, f64: 8 };

export function encodeValues(values: readonly Tensor[], codec: Codec): Uint8Array {
  const count = values.reduce((sum, v) => sum + v.length, 0);
  const bytes = zeroedBytes(ofPresent(count * CODEC_BYTES[codec]));
  const array = arrayOf(bytes.buffer, codec);
  let at = 0;
  for (const tensor of values) {
    if (codec === 'f16') for (let i = 0; i < tensor.length; i++) array[at + i] = toHalf(tensor[i] as number);
    else array.set(tensor, at);
    at += tensor.length;
  }
  return bytes;
}

/**
 * @param lengths elements of each tensor; together exactly what the bytes hold
 */
export function decodeValues(bytes: Uint8Array, lengths: readonly number[], codec: Codec): Tensor[] {
  // A copy of its own: bytes of a pool may lie anywhere.
  const array = arrayOf(new Uint8Array(bytes).buffer, codec);
  let at = 0;
  return lengths.map((length) => {
    const part = array.subarray(at, at + length);
    at += length;
    return part instanceof Uint16Array ? Float32Array.from(part, fromHalf) : (part.slice() as Tensor);
  });
}

function arrayOf(buffer: ArrayBufferLike, codec: Codec): Float32Array | Float64Array | Uint16Array {
  if (codec === 'f16') return new Uint16Array(buffer);
  return codec === 'f64' ? new Float64Array(buffer) : new Float32Array(buffer);
}
