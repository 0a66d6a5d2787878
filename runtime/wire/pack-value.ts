/** The sender's end of one value: what of it is sent, and what its receiver has then. */

import { ofPresent, zeroed } from '../support/bounded.ts';
import type { PackedCodec, Tensor } from './codec.ts';
import { fromHalf, toHalf } from './half.ts';
import { bitsOf, bitsOfLargest } from './largest.ts';
import type { PackedWriter } from './packed-bytes.ts';
import {
  type Base,
  baseOf,
  LEVELS,
  LONG_SPACE,
  MAX_SCALE,
  MAX_THRESHOLD_BYTE,
  MODES,
  moved,
  THRESHOLD_BIAS,
  TRITS,
} from './packed-form.ts';
import type { ValueForm } from './value-forms.ts';

/** One of so many values is sent where it has changed. */
export const SENT_OF = 8;
/** Above this share of the squares, changes say less than the values do. */
const NEW_SHARE = 1 / 4;
/** Of a threshold to the root mean square of a row's changes: what loses least where these are normal. */
const THRESHOLD_SHARE = 1.22;
const LARGEST_HALF = 65_504;
const WITHOUT_SIGN = 0x7fffffff;

/**
 * Writes one value. A change that is not sent stays a difference to `memory`, and is sent when it counts: none is lost.
 * Whole values are exact, however few bits changes have: what settles is small beside them, and a receiver would take
 * their rounding for an error.
 * @param value finite
 * @param memory what its receiver has; becomes what it has then
 */
export function packValue(
  out: PackedWriter,
  value: Tensor,
  memory: Float32Array,
  form: ValueForm,
  codec: PackedCodec,
): void {
  const base = baseOf(codec);
  const changes = zeroed(Float32Array, ofPresent(value.length));
  let [squares, changed] = [0, 0];
  for (let i = 0; i < changes.length; i++) {
    const now = Math.fround(value[i] as number);
    const change = now - (memory[i] as number);
    changes[i] = change;
    squares += now * now;
    changed += change * change;
  }
  if (changed === 0) out.byte(MODES.same);
  else if (!form.isOfSamples || changed > NEW_SHARE * squares || (form.isNarrow && base === 'f32'))
    packWhole(out, value, memory);
  else if (form.isNarrow || codec === 'int8') packDense(out, changes, memory, form, base);
  else if (codec === 'ternary') packTernary(out, changes, memory, form);
  else packChanges(out, changes, memory, base);
}

function packWhole(out: PackedWriter, value: Tensor, memory: Float32Array): void {
  out.byte(MODES.whole);
  for (let i = 0; i < memory.length; i++) {
    memory[i] = value[i] as number;
    out.float(memory[i] as number);
  }
}

/** Every change. */
function packDense(
  out: PackedWriter,
  changes: Float32Array,
  memory: Float32Array,
  { row }: ValueForm,
  base: Base,
): void {
  out.byte(MODES.dense);
  for (let from = 0; from < changes.length; from += row) {
    const scale = base === 'int8' ? scaleOf(changes, from, from + row) : 1;
    if (base === 'int8') out.float(scale);
    for (let i = from; i < from + row; i++)
      memory[i] = moved(memory[i] as number, packNumber(out, changes[i] as number, scale, base));
  }
}

/** @returns the number as it is read */
function packNumber(out: PackedWriter, value: number, scale: number, base: Base): number {
  if (base === 'f32') {
    out.float(value);
    return Math.fround(value);
  }
  if (base === 'f16') {
    const half = toHalf(Math.max(-LARGEST_HALF, Math.min(LARGEST_HALF, value)));
    out.half(half);
    return fromHalf(half);
  }
  const level = scale === 0 ? 0 : Math.max(-LEVELS, Math.min(LEVELS, Math.round(value / scale)));
  out.byte(level & 0xff);
  return Math.fround(level * scale);
}

function scaleOf(values: Tensor, from: number, to: number): number {
  let most = 0;
  for (let i = from; i < to; i++) most = Math.max(most, Math.abs(values[i] as number));
  return Math.min(MAX_SCALE, Math.fround(most / LEVELS));
}

/** The largest changes, by their places. */
function packChanges(out: PackedWriter, changes: Float32Array, memory: Float32Array, base: Base): void {
  const places = largestChanges(changes, Math.ceil(changes.length / SENT_OF));
  const isMarked = places.length * 8 > changes.length;
  out.byte(isMarked ? MODES.marked : MODES.spaced);
  out.count(places.length);
  const scale = base === 'int8' ? scaleOfPlaces(changes, places) : 1;
  if (base === 'int8') out.float(scale);
  if (isMarked) writeMarks(out, places, changes.length);
  else writeSpaces(out, places);
  for (const i of places) memory[i] = moved(memory[i] as number, packNumber(out, changes[i] as number, scale, base));
}

/** In their order; where several are alike, the first ones. None that is zero. */
function largestChanges(changes: Float32Array, count: number): Uint32Array {
  const bits = bitsOf(changes);
  const least = bitsOfLargest(changes, count);
  let above = 0;
  for (let i = 0; i < bits.length; i++) if (((bits[i] as number) & WITHOUT_SIGN) > least) above++;
  let alike = count - above;
  const places = zeroed(Uint32Array, ofPresent(count));
  let found = 0;
  for (let i = 0; i < bits.length; i++) {
    const amount = (bits[i] as number) & WITHOUT_SIGN;
    if (amount === 0 || amount < least) continue;
    if (amount === least && alike-- <= 0) continue;
    places[found++] = i;
  }
  return places.subarray(0, found);
}

function scaleOfPlaces(changes: Float32Array, places: Uint32Array): number {
  let most = 0;
  for (const i of places) most = Math.max(most, Math.abs(changes[i] as number));
  return Math.min(MAX_SCALE, Math.fround(most / LEVELS));
}

function writeMarks(out: PackedWriter, places: Uint32Array, length: number): void {
  let next = 0;
  for (let from = 0; from < length; from += 8) {
    let marks = 0;
    while (next < places.length && (places[next] as number) < from + 8)
      marks |= 1 << ((places[next++] as number) - from);
    out.byte(marks);
  }
}

function writeSpaces(out: PackedWriter, places: Uint32Array): void {
  let before = -1;
  for (const place of places) {
    let space = place - before - 1;
    for (; space >= LONG_SPACE; space -= LONG_SPACE) out.byte(LONG_SPACE);
    out.byte(space);
    before = place;
  }
}

/**
 * Of each row a threshold, a power of two that halves as its changes do; of each of its numbers whether it is added,
 * taken, or neither: the nearest.
 */
function packTernary(out: PackedWriter, changes: Float32Array, memory: Float32Array, { row }: ValueForm): void {
  out.byte(MODES.ternary);
  const rows: { readonly from: number; readonly threshold: number }[] = [];
  for (let from = 0; from < changes.length; from += row) {
    const byte = thresholdByte(changes, from, row);
    out.byte(byte);
    if (byte > 0) rows.push({ from, threshold: 2 ** (byte - THRESHOLD_BIAS) });
  }
  let [packed, trits] = [0, 0];
  for (const { from, threshold } of rows)
    for (let i = from; i < from + row; i++) {
      const change = changes[i] as number;
      const trit = change > threshold / 2 ? 1 : change < -threshold / 2 ? -1 : 0;
      if (trit !== 0) memory[i] = moved(memory[i] as number, trit * threshold);
      packed = 3 * packed + trit + 1;
      if (++trits < TRITS) continue;
      out.byte(packed);
      [packed, trits] = [0, 0];
    }
  if (trits > 0) out.byte(packed);
}

const float = new Float32Array(1);
const floatBits = bitsOf(float);

function thresholdByte(changes: Float32Array, from: number, row: number): number {
  let squares = 0;
  for (let i = from; i < from + row; i++) squares += (changes[i] as number) ** 2;
  if (squares === 0) return 0;
  // The nearest power of two, by its exponent: no logarithm, of which machines have several.
  float[0] = Math.sqrt(squares / row) * THRESHOLD_SHARE * Math.SQRT2;
  const exponent = ((floatBits[0] as number) >>> 23) - 127;
  return Math.max(1, Math.min(MAX_THRESHOLD_BYTE, exponent + THRESHOLD_BIAS));
}
