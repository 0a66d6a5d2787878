/** Border values as bytes, little-endian. */

import { ofPresent, zeroed, zeroedBytes } from '../support/bounded.ts';
import { readHalves, writeHalves } from './half.ts';

export type Tensor = Float32Array | Float64Array;
/** Each number by itself; f64 is exact, for the reference device. */
const PLAIN_CODECS = ['f32', 'f16', 'f64'] as const;
/**
 * Numbers of a frame together, where both ends keep what was sent before (`packer.ts`). What is behind `+` says how the
 * sizes of changes go: f32 where nothing is.
 */
const PACKED_CODECS = ['int8', 'changes', 'changes+f16', 'changes+int8', 'ternary'] as const;
/** On the wire by their places. */
export const CODECS = [...PLAIN_CODECS, ...PACKED_CODECS] as const;
export type PlainCodec = (typeof PLAIN_CODECS)[number];
export type PackedCodec = (typeof PACKED_CODECS)[number];
export type Codec = PlainCodec | PackedCodec;
/** Those that a run may ask for: f64 is what f32 is on the reference device. */
export type BorderCodec = Exclude<Codec, 'f64'>;
export const BORDER_CODECS: readonly BorderCodec[] = CODECS.filter((codec) => codec !== 'f64');
export const CODEC_BYTES: Readonly<Record<PlainCodec, number>> = { f32: 4, f16: 2, f64: 8 };

export function isPacked(codec: Codec): codec is PackedCodec {
  return !PLAIN_CODECS.some((plain) => plain === codec);
}

export function encodeValues(values: readonly Tensor[], codec: PlainCodec): Uint8Array {
  const count = values.reduce((sum, v) => sum + v.length, 0);
  const bytes = zeroedBytes(ofPresent(count * CODEC_BYTES[codec]));
  writeValues(bytes, values, codec);
  return bytes;
}

/**
 * Writes a stretch of the values that lie one behind the other.
 * @param bytes as many as are written; they begin at a multiple of the size of an element
 * @param first the element of all with which they begin
 */
export function writeValues(bytes: Uint8Array, values: readonly Tensor[], codec: PlainCodec, first = 0): void {
  const array = arrayOf(bytes.buffer, codec, bytes.byteOffset, bytes.length / CODEC_BYTES[codec]);
  // Where the next tensor begins, counted from the first element that is written.
  let at = -first;
  for (const tensor of values) {
    const [from, to] = [Math.max(0, -at), Math.min(tensor.length, array.length - at)];
    if (from < to) {
      if (array instanceof Uint16Array) writeHalves(array, at + from, tensor, from, to);
      else array.set(from === 0 && to === tensor.length ? tensor : tensor.subarray(from, to), at + from);
    }
    at += tensor.length;
  }
}

/**
 * @param lengths elements of each tensor; together exactly what the bytes hold
 */
export function decodeValues(bytes: Uint8Array, lengths: readonly number[], codec: PlainCodec): Tensor[] {
  // A copy of its own: bytes of a pool may lie anywhere.
  const array = arrayOf(new Uint8Array(bytes).buffer, codec);
  let at = 0;
  return lengths.map((length) => {
    const part = array.subarray(at, at + length);
    at += length;
    if (!(part instanceof Uint16Array)) return part.slice() as Tensor;
    const values = zeroed(Float32Array, ofPresent(length));
    readHalves(part, values);
    return values;
  });
}

/**
 * The values where the bytes lie, if they can be read there; else copies.
 * @param bytes that are not written to from now on
 */
export function valuesIn(bytes: Uint8Array, lengths: readonly number[], codec: PlainCodec): Tensor[] {
  const size = CODEC_BYTES[codec];
  if (codec === 'f16' || bytes.byteOffset % size !== 0) return decodeValues(bytes, lengths, codec);
  const array = arrayOf(bytes.buffer, codec, bytes.byteOffset, bytes.length / size);
  let at = 0;
  return lengths.map((length) => {
    const from = at;
    at += length;
    return array.subarray(from, at) as Tensor;
  });
}

function arrayOf(
  buffer: ArrayBufferLike,
  codec: PlainCodec,
  offset = 0,
  length = (buffer.byteLength - offset) / CODEC_BYTES[codec],
): Float32Array | Float64Array | Uint16Array {
  if (codec === 'f16') return new Uint16Array(buffer, offset, length);
  return codec === 'f64' ? new Float64Array(buffer, offset, length) : new Float32Array(buffer, offset, length);
}
