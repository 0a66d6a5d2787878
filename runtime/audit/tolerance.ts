/**
 * How far two devices may be apart in what they compute from the same numbers. A sum of K products that is added up in
 * another order, or in another precision, differs by no more than about 8·√K·u of |A||B| (u: half the distance between 1 and
 * the next number), which is as if each number of A had been another one by that share. So the auditor computes once with
 * the numbers as they are, and some more times with the weights and frames changed by such shares, drawn anew each time:
 * where these are apart, honest devices may be. What that does to a batch, its ticks and its weight step are all in it. Pure.
 */

/** Half the distance between 1 and the next f32. */
export const UNIT = 2 ** -24;
/** Of f16 on a border: the neighbour of a number, where rounding goes the other way. */
export const HALF_UNIT = 2 ** -10;
/** The smallest f16 beside 0. */
const HALF_LEAST = 2 ** -24;
/** Changed computations, the first time, where they have to cost little; and where it came out otherwise. */
export const DRAWS = 1;
export const DRAWS_AGAIN = 16;
/** Of what the changed computations are apart: so few may all lie close together by chance. */
const TIMES = 8;
/** Functions such as tanh, and what is rounded when it is kept. */
const ROUNDINGS = 16;
/** Where what is allowed is more of what is compared than this, nothing is seen. */
export const MAX_SHARE = 0.1;

/** By which share a weight is changed, at most. @param terms of the longest sum that it is in */
export function changeFor(terms: number): number {
  return 8 * Math.sqrt(Math.max(1, terms)) * UNIT;
}

export interface Measured {
  /** What the trainer says, and what comes out here. */
  readonly claimed: ArrayLike<number>;
  readonly here: ArrayLike<number>;
  /** What comes out with changed numbers. */
  readonly changed: readonly ArrayLike<number>[];
  /** It went as f16. */
  readonly half?: boolean;
  /** Numbers of which `here` is a difference: they were rounded. */
  readonly of?: ArrayLike<number>;
  /** The largest number that these may be a difference of: an error is nothing but such a difference, and may be 0. */
  readonly scale?: number;
}

/** How far it is off, in units of what is allowed, at the worst element; with what a judgement of the whole needs. */
export interface Apart {
  readonly ratio: number;
  /** Sums of squares: of what is allowed, and of what is compared. */
  readonly allowed: number;
  readonly size: number;
}

export function apartOf({ claimed, here, changed, half, of, scale = 0 }: Measured): Apart {
  const n = here.length;
  if (claimed.length !== n) return { ratio: Number.POSITIVE_INFINITY, allowed: 0, size: 0 };
  const spread = new Float64Array(n);
  let squares = 0;
  for (let i = 0; i < n; i++) {
    for (const other of changed) spread[i] = Math.max(at(spread, i), Math.abs(at(other, i) - at(here, i)));
    squares += at(spread, i) ** 2;
  }
  const usual = Math.sqrt(squares / Math.max(1, n));
  let [ratio, allowed, size] = [0, 0, 0];
  for (let i = 0; i < n; i++) {
    const value = at(here, i);
    const rounding = ROUNDINGS * UNIT * Math.max(Math.abs(value), of ? Math.abs(at(of, i)) : 0, scale);
    const packed = half ? HALF_UNIT * Math.abs(value) + HALF_LEAST : 0;
    const may = TIMES * Math.max(at(spread, i), usual) + rounding + packed;
    const off = Math.abs(at(claimed, i) - value);
    // NaN is further away than any number.
    if (off !== 0) ratio = Math.max(ratio, Number.isNaN(off) ? Number.POSITIVE_INFINITY : off / may);
    allowed += (TIMES * Math.max(at(spread, i), usual)) ** 2;
    size += value ** 2;
  }
  return { ratio, allowed, size };
}

/** Whether so much is allowed that an auditor would see nothing. */
export function seesNothing(all: readonly Apart[]): boolean {
  const allowed = all.reduce((sum, a) => sum + a.allowed, 0);
  const size = all.reduce((sum, a) => sum + a.size, 0);
  return allowed > MAX_SHARE ** 2 * size;
}

function at(values: ArrayLike<number>, i: number): number {
  return values[i] as number;
}
