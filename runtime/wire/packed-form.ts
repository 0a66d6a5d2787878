/** What packed values look like, as both ends have to know it (spec/wire.md, 5). Pure. */
import { MAX_BORDER_VALUE } from './border-values.ts';
import type { PackedCodec } from './codec.ts';
import type { PackedReader } from './packed-bytes.ts';
import type { ValueForm } from './value-forms.ts';

/**
 * Low bits of the byte in front of a value. `same`: nothing, it is what it goes on from; `whole`: each of its numbers, in
 * f32; `fixed`: each as a level of 24 bits, with a scale for each row; `dense`: each of its changes; `marked` and `spaced`: some changes, and a bit for each place, or the space before
 * each; `ternary`: a threshold added, taken or not.
 */
export const MODES = { same: 0, whole: 1, marked: 2, spaced: 3, ternary: 4, dense: 5, fixed: 6 } as const;

const MODE_BITS = 3;

/** @param base what the value goes on from: 0 nothing, that is zeros; else one more than its place in `ValueForm.bases` */
export const headOf = (mode: number, base: number): number => (base << MODE_BITS) | mode;

export function readHead(input: PackedReader): { readonly mode: number; readonly base: number } {
  const byte = input.byte();
  return { mode: byte & (2 ** MODE_BITS - 1), base: byte >> MODE_BITS };
}

/** How the sizes of changes lie in it. */
export type Base = 'f32' | 'f16' | 'int8';

export function baseOf(codec: PackedCodec): Base {
  if (codec === 'changes') return 'f32';
  return codec === 'changes+f16' ? 'f16' : 'int8';
}

/** Levels of int8 on each side of zero. */
export const LEVELS = 127;
/** Of the spaces before changes: so many places are left out, and no change is behind them. */
export const LONG_SPACE = 255;
/** Trits in a byte. */
export const TRITS = 5;
export const MAX_TRITS_BYTE = 3 ** TRITS - 1;
/** A threshold is two to the power of its byte less this; a byte of 0 says that the row stays as it is. */
export const THRESHOLD_BIAS = 150;
/** The largest f32 that may cross, and the scale that gives no larger one. */
export const MAX_PACKED = 999_999_995_904;
export const MAX_SCALE = Math.fround(Math.floor(MAX_PACKED / LEVELS) - 1024);
/** Of a level of 24 bits: of the largest of its row it has what f32 has. */
export const FIXED_LEVELS = 2 ** 23 - 1;
export const MAX_FIXED_SCALE = Math.fround(MAX_PACKED / FIXED_LEVELS - 1);
/** 2^40 is more than any value: no row changes by it. */
export const MAX_THRESHOLD_BYTE = THRESHOLD_BIAS + 40;

/** What a value becomes that has changed. */
export function moved(before: number, change: number): number {
  return Math.fround(Math.max(-MAX_PACKED, Math.min(MAX_PACKED, before + change)));
}

export const isSound = (value: number): boolean => Math.abs(value) <= MAX_BORDER_VALUE;

/** Bytes that a value takes at most. */
export function mostBytes({ length, row }: ValueForm): number {
  return 16 + 4 * length + 4 * Math.ceil(length / row);
}
