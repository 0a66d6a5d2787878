/** The receiver's end of one value: what was sent is held against what may come, since it comes from outside. */
import type { PackedCodec } from './codec.ts';
import { fromHalf } from './half.ts';
import type { PackedReader } from './packed-bytes.ts';
import {
  type Base,
  baseOf,
  FIXED_LEVELS,
  isSound,
  LEVELS,
  LONG_SPACE,
  MAX_FIXED_SCALE,
  MAX_SCALE,
  MAX_THRESHOLD_BYTE,
  MAX_TRITS_BYTE,
  MODES,
  moved,
  THRESHOLD_BIAS,
  TRITS,
} from './packed-form.ts';
import type { ValueForm } from './value-forms.ts';

/**
 * Reads one value, behind its byte, into what it goes on from.
 * @param base 0 where that is nothing
 * @returns whether it could be: else `memory` is of no use
 */
export function unpackValue(
  input: PackedReader,
  mode: number,
  base: number,
  memory: Float32Array,
  form: ValueForm,
  codec: PackedCodec,
): boolean {
  const sizes = baseOf(codec);
  if (input.isOver) return false;
  if (mode === MODES.same) return true;
  if (mode === MODES.whole) return base === 0 && readWhole(input, memory);
  if (!form.isOfSamples) return false;
  if (mode === MODES.fixed) return base === 0 && sizes === 'int8' && readFixed(input, memory, form);
  const isRounded = base === 0 && sizes === 'int8' && form.mayBeRounded;
  if (form.isNarrow || codec === 'int8' || (isRounded && mode === MODES.dense))
    return mode === MODES.dense && (base > 0 || isRounded) && readDense(input, memory, form, sizes);
  if (base === 0) return false;
  if (codec === 'ternary') return mode === MODES.ternary && readTernary(input, memory, form);
  return (mode === MODES.marked || mode === MODES.spaced) && readChanges(input, memory, sizes, mode === MODES.marked);
}

function readWhole(input: PackedReader, memory: Float32Array): boolean {
  for (let i = 0; i < memory.length; i++) {
    const value = input.float();
    if (!isSound(value)) return false;
    memory[i] = value;
  }
  return !input.isOver;
}

function readFixed(input: PackedReader, memory: Float32Array, { row }: ValueForm): boolean {
  for (let from = 0; from < memory.length; from += row) {
    const scale = input.float();
    if (!(scale >= 0 && scale <= MAX_FIXED_SCALE)) return false;
    for (let i = from; i < from + row; i++) {
      const level = input.level();
      if (level < -FIXED_LEVELS) return false;
      memory[i] = level * scale;
    }
  }
  return !input.isOver;
}

const isScale = (scale: number): boolean => scale >= 0 && scale <= MAX_SCALE;

/** @returns not a number for a level that no sender has */
function readNumber(input: PackedReader, scale: number, base: Base): number {
  if (base === 'f32') return input.float();
  if (base === 'f16') return fromHalf(input.half());
  const level = (input.byte() << 24) >> 24;
  return level < -LEVELS ? Number.NaN : Math.fround(level * scale);
}

function readDense(input: PackedReader, memory: Float32Array, { row }: ValueForm, base: Base): boolean {
  for (let from = 0; from < memory.length; from += row) {
    const scale = base === 'int8' ? input.float() : 1;
    if (!isScale(scale)) return false;
    for (let i = from; i < from + row; i++) {
      const change = readNumber(input, scale, base);
      if (!isSound(change)) return false;
      memory[i] = moved(memory[i] as number, change);
    }
  }
  return !input.isOver;
}

function readChanges(input: PackedReader, memory: Float32Array, base: Base, isMarked: boolean): boolean {
  const count = input.count();
  if (count > memory.length) return false;
  const scale = base === 'int8' ? input.float() : 1;
  if (!isScale(scale)) return false;
  const places = isMarked ? readMarks(input, memory.length) : readSpaces(input, count, memory.length);
  if (places?.length !== count) return false;
  for (const i of places) {
    const number = readNumber(input, scale, base);
    if (!isSound(number)) return false;
    memory[i] = moved(memory[i] as number, number);
  }
  return !input.isOver;
}

function readMarks(input: PackedReader, length: number): number[] | undefined {
  const places: number[] = [];
  for (let from = 0; from < length; from += 8) {
    const marks = input.byte();
    for (let bit = 0; bit < 8; bit++) if ((marks >> bit) & 1) places.push(from + bit);
  }
  const last = places.at(-1) ?? 0;
  return input.isOver || last >= length ? undefined : places;
}

function readSpaces(input: PackedReader, count: number, length: number): number[] | undefined {
  const places: number[] = [];
  let at = 0;
  while (places.length < count) {
    const space = input.byte();
    at += space;
    if (input.isOver || at >= length) return undefined;
    if (space < LONG_SPACE) places.push(at++);
  }
  return places;
}

function readTernary(input: PackedReader, memory: Float32Array, { row }: ValueForm): boolean {
  const thresholds: number[] = [];
  for (let from = 0; from < memory.length; from += row) {
    const byte = input.byte();
    if (byte > MAX_THRESHOLD_BYTE) return false;
    thresholds.push(byte);
  }
  let [packed, divisor] = [0, 0];
  let left = row * thresholds.filter((byte) => byte > 0).length;
  for (const [place, byte] of thresholds.entries()) {
    if (byte === 0) continue;
    const threshold = 2 ** (byte - THRESHOLD_BIAS);
    for (let i = place * row; i < (place + 1) * row; i++, left--) {
      if (divisor === 0) {
        packed = input.byte();
        const trits = Math.min(TRITS, left);
        if (input.isOver || packed > (trits === TRITS ? MAX_TRITS_BYTE : 3 ** trits - 1)) return false;
        divisor = 3 ** (trits - 1);
      }
      const trit = Math.floor(packed / divisor) - 1;
      packed %= divisor;
      divisor = Math.floor(divisor / 3);
      if (trit !== 0) memory[i] = moved(memory[i] as number, trit * threshold);
    }
  }
  return !input.isOver;
}
