/**
 * How large the frames of a message may be, by those of earlier stretches. What goes far beyond is held to it before the shard
 * goes on: one trainer cannot blow up its neighbours before an audit comes. The stretch just before does not count: while
 * its frames still come, those of the next one may be here. So the bound of a stretch follows from frames that are signed,
 * and is the same in whatever order frames came, and where it is done again. Pure.
 */
import type { Frame } from '../training/frame.ts';

type Tensor = Frame['values'][number];

/** So many times the largest amount that was, and the largest root mean square of a frame. Powers of two: exact. */
const TIMES_LARGEST = 8;
const TIMES_RMS = 4;
/** What is learnt of one stretch is at most so many times what was known: no single one takes the bound away. */
const GROWTH = 1.5;
/** Stretches with other frames than zeros, without which there is no bound. */
export const LEARNT_FROM = 4;
/** Messages of a shard that have a bound, and figures of them in a seal: those with the lowest numbers. */
export const MAX_HELD = 64;

/** Of all frames of a message in a stretch: the largest amount, and the largest root mean square of a frame. */
export interface Size {
  readonly largest: number;
  readonly rms: number;
}

export const NO_SIZE: Size = { largest: 0, rms: 0 };

/** Of one message, before a stretch. */
export interface Learnt {
  /** Stretches that are in it, of those in which something but zeros came. */
  readonly stretches: number;
  readonly size: Size;
}

export const NOTHING_LEARNT: Learnt = { stretches: 0, size: NO_SIZE };

/** @param seen of one more stretch, as it was held */
export function withSeen({ stretches, size }: Learnt, seen: Size): Learnt {
  if (seen.largest === 0) return { stretches, size };
  if (stretches < LEARNT_FROM) return { stretches: stretches + 1, size: larger(size, seen) };
  return withGrown({ stretches, size }, seen);
}

/** As if enough was known before. */
export function withGrown({ stretches, size }: Learnt, seen: Size): Learnt {
  const { largest, rms } = seen;
  const grown = {
    largest: Math.min(largest, told(GROWTH * size.largest)),
    rms: Math.min(rms, told(GROWTH * size.rms)),
  };
  return { stretches: stretches + 1, size: larger(size, grown) };
}

/** Nothing where too little was seen. */
export function boundOf({ stretches, size }: Learnt): Size | undefined {
  if (stretches < LEARNT_FROM) return undefined;
  return { largest: TIMES_LARGEST * size.largest, rms: TIMES_RMS * size.rms };
}

/** The frame itself where it is within the bound: its memory may be a packet's, which is signed and kept as it came. */
export function heldWithin(frame: Frame, bound: Size | undefined): { frame: Frame; size: Size } {
  const size = sizeOf(frame.values);
  if (!bound || (size.largest <= bound.largest && size.rms <= bound.rms)) return { frame, size };
  const { largest } = bound;
  const clipped = frame.values.map((tensor) => mapped(tensor, (v) => Math.min(largest, Math.max(-largest, v))));
  const { rms } = sizeOf(clipped);
  const factor = rms > bound.rms ? bound.rms / rms : 1;
  const values = factor === 1 ? clipped : clipped.map((tensor) => mapped(tensor, (v) => v * factor));
  return { frame: { ...frame, values }, size: larger(NO_SIZE, sizeOf(values), bound) };
}

function mapped(tensor: Tensor, to: (value: number) => number): Tensor {
  return tensor.map(to) as Tensor;
}

/** Of each, what is larger. @param most of which neither is more: rounding may have made it so */
export function larger(a: Size, b: Size, most?: Size): Size {
  const [largest, rms] = [Math.max(a.largest, b.largest), Math.max(a.rms, b.rms)];
  return most ? { largest: Math.min(largest, most.largest), rms: Math.min(rms, most.rms) } : { largest, rms };
}

/** To six digits, upwards: a seal is sent, and what was seen is never more than it says. */
export function told(figure: number): number {
  const near = Number(figure.toPrecision(6));
  return near >= figure ? near : Number((figure * (1 + 5e-6)).toPrecision(6));
}

export function toldSize({ largest, rms }: Size): Size {
  return { largest: told(largest), rms: told(rms) };
}

/** Each device of a run adds up in this order: four sums side by side, since one waits for the one before it. */
export function sizeOf(values: Frame['values']): Size {
  let [a, b, c, d, largest, count] = [0, 0, 0, 0, 0, 0];
  for (const tensor of values) {
    const whole = tensor.length - (tensor.length % 4);
    for (let i = 0; i < whole; i += 4) {
      const [v, w, x, y] = [
        tensor[i] as number,
        tensor[i + 1] as number,
        tensor[i + 2] as number,
        tensor[i + 3] as number,
      ];
      a += v * v;
      b += w * w;
      c += x * x;
      d += y * y;
    }
    for (let i = whole; i < tensor.length; i++) a += (tensor[i] as number) * (tensor[i] as number);
    for (let i = 0; i < tensor.length; i++) {
      const amount = Math.abs(tensor[i] as number);
      if (amount > largest) largest = amount;
    }
    count += tensor.length;
  }
  return { largest, rms: Math.sqrt((a + b + (c + d)) / Math.max(1, count)) };
}
