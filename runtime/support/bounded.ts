/**
 * The only place that allocates by a size that came from outside: `boundedCount` holds it against the most that may be,
 * and everything here takes what it gives alone.
 */
import { UserError } from './errors.ts';

declare const BOUNDED: unique symbol;
/** A whole number, not below 0, that was held against a bound; nothing at run time tells it from others. */
export type BoundedCount = number & { readonly [BOUNDED]: true };

/** A size that is more than was agreed, or no size at all. */
export class SizeError extends UserError {}

/**
 * @param what of which the message speaks: `the bytes of column image`
 * @throws SizeError `size/bound`
 */
export function boundedCount(count: number, most: number, what: string): BoundedCount {
  if (!Number.isSafeInteger(count) || count < 0) throw new SizeError('size/bound', `${what}: ${count} is not a size`);
  if (count > most) throw new SizeError('size/bound', `${what}: ${count} is more than ${most}`);
  return count as BoundedCount;
}

/** No array of this program has more elements: what is asked for beyond it is a lie or a mistake. */
export const MAX_ELEMENTS = 2 ** 32;

/** A size that follows from what lies in memory already. Never give it a size that was only claimed. */
export function ofPresent(count: number): BoundedCount {
  return count as BoundedCount;
}

/** Zeroed, as all that is made here. */
export function zeroedBytes(count: BoundedCount): Uint8Array<ArrayBuffer> {
  return new Uint8Array(count);
}

/** Bytes that threads may share. */
export function sharedBytes(count: BoundedCount): Uint8Array<SharedArrayBuffer> {
  return new Uint8Array(new SharedArrayBuffer(count));
}

type ArrayOf<T> = new (length: number) => T;

/** @param type of the array: `Float32Array` */
export function zeroed<T extends ArrayBufferView>(type: ArrayOf<T>, count: BoundedCount): T {
  return new type(count);
}

/** Results of `make` for 0, 1, … */
export function listOf<T>(count: BoundedCount, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, i) => make(i));
}

/** 0, 1, …, each with `from` added. */
export function rowNumbers(count: BoundedCount, from = 0): Uint32Array<ArrayBuffer> {
  const rows = new Uint32Array(count);
  for (let i = 0; i < count; i++) rows[i] = from + i;
  return rows;
}
