/** The sender's end of one value: what of it is sent, and what its receiver has then. */

import { ofPresent, zeroed } from '../support/bounded.ts';
import type { PackedCodec, Tensor } from './codec.ts';
import { fromHalf, toHalf } from './half.ts';
import { bitsOf, bitsOfLargest } from './largest.ts';
import type { PackedWriter } from './packed-bytes.ts';
import {
  type Base,
  baseOf,
  FIXED_LEVELS,
  headOf,
  LEVELS,
  LONG_SPACE,
  MAX_FIXED_SCALE,
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

/** What a value goes on from. */
export interface Nearest {
  /** As its byte counts it; 0: nothing. */
  readonly base: number;
  /** Sums of the squares of its numbers, and of what they have changed by. */
  readonly squares: number;
  readonly changed: number;
}

/**
 * Of all that was sent before and that it may go on from, what it has changed least from; itself wherever it was sent.
 * @param value finite
 */
export function nearestOf(value: Tensor, { own, bases }: ValueForm, sent: ReadonlyMap<string, Float32Array>): Nearest {
  let squares = 0;
  for (let i = 0; i < value.length; i++) squares += Math.fround(value[i] as number) ** 2;
  let nearest: Nearest = { base: 0, squares, changed: squares };
  for (const [i, name] of bases.entries()) {
    const before = sent.get(name);
    if (!before) continue;
    let changed = 0;
    for (let k = 0; k < before.length; k++) changed += (Math.fround(value[k] as number) - (before[k] as number)) ** 2;
    if (changed < nearest.changed) nearest = { base: i + 1, squares, changed };
    if (name === own) break;
  }
  return nearest.changed > NEW_SHARE * squares ? { base: 0, squares, changed: squares } : nearest;
}

/**
 * Writes one value. A change that is not sent stays a difference to `memory`, and is sent when it counts: none is lost.
 * A value that is like none before it goes whole, or where it may be rounded, as a change from nothing.
 * @param value finite
 * @param memory what its receiver goes on from: by `nearest`, zeros where that is nothing; becomes what it has then
 */
export function packValue(
  out: PackedWriter,
  value: Tensor,
  memory: Float32Array,
  form: ValueForm,
  codec: PackedCodec,
  { base, changed }: Nearest,
): void {
  const sizes = baseOf(codec);
  const isKept = form.isOfSamples && base > 0;
  if (changed === 0 || (isKept && sizes === 'int8' && isTold(value, memory, form))) out.byte(headOf(MODES.same, base));
  else if (!form.isOfSamples || (sizes === 'f32' && form.isNarrow)) packWhole(out, value, memory);
  else if (!isKept && sizes !== 'int8') packWhole(out, value, memory);
  else if (!isKept && !form.mayBeRounded) packFixed(out, value, memory, form);
  else {
    const changes = changesOf(value, memory);
    if (!isKept || form.isNarrow || codec === 'int8') packDense(out, changes, memory, form, sizes, base);
    else if (codec === 'ternary') packTernary(out, changes, memory, form, base);
    else packChanges(out, changes, memory, sizes, base);
  }
}

/** No number is so far from what its receiver has that a whole frame would say more. */
function isTold(value: Tensor, memory: Float32Array, { row }: ValueForm): boolean {
  for (let from = 0; from < memory.length; from += row) {
    const step = mostOf(value, from, from + row) / FIXED_LEVELS;
    for (let i = from; i < from + row; i++)
      if (Math.abs((value[i] as number) - (memory[i] as number)) > step) return false;
  }
  return true;
}

function changesOf(value: Tensor, memory: Float32Array): Float32Array {
  const changes = zeroed(Float32Array, ofPresent(value.length));
  for (let i = 0; i < changes.length; i++) changes[i] = Math.fround(value[i] as number) - (memory[i] as number);
  return changes;
}

function packWhole(out: PackedWriter, value: Tensor, memory: Float32Array): void {
  out.byte(headOf(MODES.whole, 0));
  for (let i = 0; i < memory.length; i++) {
    memory[i] = value[i] as number;
    out.float(memory[i] as number);
  }
}

/** Every number to what f32 has of the largest of its row. */
function packFixed(out: PackedWriter, value: Tensor, memory: Float32Array, { row }: ValueForm): void {
  out.byte(headOf(MODES.fixed, 0));
  for (let from = 0; from < memory.length; from += row) {
    const scale = Math.min(MAX_FIXED_SCALE, Math.fround(mostOf(value, from, from + row) / FIXED_LEVELS));
    out.float(scale);
    for (let i = from; i < from + row; i++) {
      const level = levelOf(value[i] as number, scale, FIXED_LEVELS);
      out.level(level);
      memory[i] = level * scale;
    }
  }
}

/** Every change. */
function packDense(
  out: PackedWriter,
  changes: Float32Array,
  memory: Float32Array,
  { row }: ValueForm,
  sizes: Base,
  base: number,
): void {
  out.byte(headOf(MODES.dense, base));
  for (let from = 0; from < changes.length; from += row) {
    const scale = sizes === 'int8' ? scaleOf(changes, from, from + row) : 1;
    if (sizes === 'int8') out.float(scale);
    for (let i = from; i < from + row; i++)
      memory[i] = moved(memory[i] as number, packNumber(out, changes[i] as number, scale, sizes));
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
  const level = levelOf(value, scale, LEVELS);
  out.byte(level & 0xff);
  return Math.fround(level * scale);
}

function levelOf(value: number, scale: number, levels: number): number {
  return scale === 0 ? 0 : Math.max(-levels, Math.min(levels, Math.round(value / scale)));
}

function scaleOf(values: Tensor, from: number, to: number): number {
  return Math.min(MAX_SCALE, Math.fround(mostOf(values, from, to) / LEVELS));
}

function mostOf(values: Tensor, from: number, to: number): number {
  let most = 0;
  for (let i = from; i < to; i++) most = Math.max(most, Math.abs(values[i] as number));
  return most;
}

/** The largest changes, by their places. */
function packChanges(out: PackedWriter, changes: Float32Array, memory: Float32Array, sizes: Base, base: number): void {
  const places = largestChanges(changes, Math.ceil(changes.length / SENT_OF));
  const isMarked = places.length * 8 > changes.length;
  out.byte(headOf(isMarked ? MODES.marked : MODES.spaced, base));
  out.count(places.length);
  const scale = sizes === 'int8' ? scaleOfPlaces(changes, places) : 1;
  if (sizes === 'int8') out.float(scale);
  if (isMarked) writeMarks(out, places, changes.length);
  else writeSpaces(out, places);
  for (const i of places) memory[i] = moved(memory[i] as number, packNumber(out, changes[i] as number, scale, sizes));
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
function packTernary(
  out: PackedWriter,
  changes: Float32Array,
  memory: Float32Array,
  { row }: ValueForm,
  base: number,
): void {
  out.byte(headOf(MODES.ternary, base));
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
