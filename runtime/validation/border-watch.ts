/**
 * What a shard sees of the frames of its neighbours in one stretch: how large they are, and whether they were there
 * before. It tells the synchronizer with its seal, and nothing is decided here. Pure.
 */
import type { Frame } from '../training/frame.ts';
import type { SeenBorder } from '../wire/messages.ts';

/** Of each tensor of a frame: of a longer one every so many, always the same. */
const MAX_VALUES = 512;
/** Frames whose prints are known at a time. */
const MAX_PRINTS = 4096;
/** In one seal; messages with higher numbers are not watched. */
export const MAX_SEEN = 64;
/** Numbers of a sketch. */
export const SKETCH = 16;

/** Values that a message can have, by the plan. */
export interface Range {
  readonly low: number;
  readonly high: number;
}

interface Sums {
  readonly from: number;
  frames: number;
  values: number;
  squares: number;
  largest: number;
  zeros: number;
  beyond: number;
  repeated: number;
  copied: number;
  readonly sketch: Float64Array;
}

const EMPTY = { frames: 0, values: 0, squares: 0, largest: 0, zeros: 0, beyond: 0, repeated: 0, copied: 0 };
const ANY: Range = { low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY };

export class BorderWatch {
  readonly #messages = new Map<number, Sums>();
  /** By the print of a frame: which message had it first. */
  readonly #prints = new Map<number, { readonly message: number; readonly from: number }>();

  /** @param from the shard that has sent it */
  take({ message, values }: Pick<Frame, 'message' | 'values'>, from: number, range: Range = ANY): void {
    const sums = this.#sumsOf(message, from);
    if (!sums) return;
    sums.frames++;
    const print = printOf(values, sums, range);
    if (print === undefined) return;
    const before = this.#prints.get(print);
    if (!before) this.#note(print, message, from);
    else if (before.message === message) sums.repeated++;
    else if (before.from !== from) sums.copied++;
  }

  /** All that was taken, by message. */
  seen(): SeenBorder[] {
    return [...this.#messages]
      .sort(([a], [b]) => a - b)
      .map(([message, { from, frames, values, squares, largest, zeros, beyond, repeated, copied, sketch }]) => ({
        ...{ message, from, frames },
        ...{ rms: told(Math.sqrt(squares / Math.max(1, values))), largest: told(largest) },
        ...{ zeros: told(zeros / Math.max(1, values)), beyond: told(beyond / Math.max(1, values)) },
        ...{ repeated: told(repeated / frames), copied: told(copied / frames), sketch: directionOf(sketch) },
      }));
  }

  #sumsOf(message: number, from: number): Sums | undefined {
    const known = this.#messages.get(message);
    if (known || this.#messages.size >= MAX_SEEN) return known;
    const sums = { from, ...EMPTY, sketch: new Float64Array(SKETCH) };
    this.#messages.set(message, sums);
    return sums;
  }

  #note(print: number, message: number, from: number): void {
    this.#prints.set(print, { message, from });
    if (this.#prints.size <= MAX_PRINTS) return;
    const [oldest] = this.#prints.keys();
    if (oldest !== undefined) this.#prints.delete(oldest);
  }
}

function directionOf(sketch: Float64Array): number[] {
  const length = Math.hypot(...sketch);
  return Array.from(sketch, (n) => (length > 0 ? Number((n / length).toFixed(3)) : 0));
}

/** To six digits: a seal is sent. */
function told(figure: number): number {
  return Number(figure.toPrecision(6));
}

const FNV_PRIME = 0x01000193;
const FNV_OFFSET = 0x811c9dc5;
/** Steps through all whole numbers, of which the highest bits say the place in a sketch and a lower one the sign. */
const GOLDEN = 0x9e3779b9 | 0;
const SIGN_BIT = 19;
/** Of the second of two sums, so that 52 bits tell frames apart. */
const OTHER_PRIME = 0x85ebca6b;

/**
 * Adds the values to the sums. A copy of which one value was changed has another print: only copies that cost nothing
 * are found by it.
 * @returns a number that equal frames share; nothing of a frame of which all values are the same, as where nodes begin
 */
function printOf(values: Frame['values'], sums: Sums, { low, high }: Range): number | undefined {
  let [first, second, same] = [FNV_OFFSET, FNV_OFFSET, true];
  const begins = values[0]?.[0] ?? 0;
  const { sketch } = sums;
  let { squares, largest, zeros, beyond, values: count } = sums;
  let place = 0;
  for (const tensor of values) {
    const step = Math.max(1, Math.ceil(tensor.length / MAX_VALUES));
    const wide = tensor instanceof Float64Array ? 2 : 1;
    const words = new Int32Array(tensor.buffer, tensor.byteOffset, tensor.length * wide);
    for (let i = 0; i < tensor.length; i += step) {
      const value = tensor[i] as number;
      const amount = Math.abs(value);
      squares += value * value;
      if (amount > largest) largest = amount;
      if (amount === 0) zeros++;
      if (value < low || value > high) beyond++;
      if (value !== begins) same = false;
      const word = (words[i * wide] as number) ^ (wide === 2 ? (words[i * wide + 1] as number) : 0);
      first = Math.imul(first ^ word, FNV_PRIME);
      second = Math.imul(second ^ word ^ (word >>> 15), OTHER_PRIME);
      count++;
      place = (place + GOLDEN) | 0;
      const at = place >>> 28;
      // Without a branch, which no processor could foresee.
      sketch[at] = (sketch[at] as number) + value * (1 - ((place >>> SIGN_BIT) & 2));
    }
  }
  Object.assign(sums, { squares, largest, zeros, beyond, values: count });
  return same ? undefined : (first >>> 0) * 2 ** 20 + (second >>> 12);
}
