/**
 * Both ends of packed frames. What was sent last of each value is kept within one call alone: the next one has other
 * samples, and begins from nothing. So there is nothing to keep between calls, and no snapshot has anything of it.
 */
import type { ShardSchedule } from '../../spec/schedule.ts';
import { ofPresent, zeroed } from '../support/bounded.ts';
import type { Frame, FrameKey } from '../training/frame.ts';
import type { PackedCodec, Tensor } from './codec.ts';
import { nearestOf, packValue } from './pack-value.ts';
import { PackedReader, PackedWriter } from './packed-bytes.ts';
import { mostBytes, readHead } from './packed-form.ts';
import { unpackValue } from './unpack-value.ts';
import { messageForms, type ValueForm } from './value-forms.ts';

/** Two calls may be under way at once. */
const CALLS_KEPT = 2;

/** What was sent last of each value, in one part of one call. */
type Sent = Map<string, Float32Array>;

class Memories {
  readonly #calls = new Map<number, Map<number, Sent>>();

  of({ callIndex, microbatch }: FrameKey): Sent {
    let call = this.#calls.get(callIndex);
    if (!call) {
      for (const before of this.#calls.keys()) if (before <= callIndex - CALLS_KEPT) this.#calls.delete(before);
      call = new Map<number, Sent>();
      this.#calls.set(callIndex, call);
    }
    const known = call.get(microbatch) ?? new Map<string, Float32Array>();
    call.set(microbatch, known);
    return known;
  }
}

/** What is kept of a value from now on: at first what it goes on from. */
function goOnFrom(sent: Sent, { own, bases, length }: ValueForm, base: number): Float32Array {
  const made = zeroed(Float32Array, ofPresent(length));
  const from = base === 0 ? undefined : sent.get(bases[base - 1] ?? '');
  if (from) made.set(from);
  sent.set(own, made);
  return made;
}

export interface PackedFrame {
  readonly payload: Uint8Array;
  /** As its receiver has them. */
  readonly values: readonly Float32Array[];
}

export class FramePacker {
  readonly #codec: PackedCodec;
  readonly #forms: ReadonlyMap<number, readonly ValueForm[]>;
  readonly #memories = new Memories();

  constructor(codec: PackedCodec, schedule: ShardSchedule) {
    this.#codec = codec;
    this.#forms = messageForms(schedule);
  }

  /** Frames of a call in the order in which they are sent. @throws Error for a message of another schedule */
  pack(frame: Frame): PackedFrame {
    const form = this.#forms.get(frame.message);
    if (!form) throw new Error(`no message ${frame.message}`);
    const sent = this.#memories.of(frame);
    const out = new PackedWriter(form.reduce((sum, value) => sum + mostBytes(value), 0));
    const values = form.map((value, i) => {
      const given = frame.values[i] as Tensor;
      const nearest = nearestOf(given, value, sent);
      const memory = goOnFrom(sent, value, nearest.base);
      packValue(out, given, memory, value, this.#codec, nearest);
      return memory.slice();
    });
    return { payload: out.written, values };
  }
}

export class FrameUnpacker {
  readonly #codec: PackedCodec;
  readonly #forms: ReadonlyMap<number, readonly ValueForm[]>;
  readonly #memories = new Memories();

  constructor(codec: PackedCodec, schedule: ShardSchedule) {
    this.#codec = codec;
    this.#forms = messageForms(schedule);
  }

  /** Bytes that a frame has at most; nothing for a message of another schedule. */
  mostOf(message: number): number | undefined {
    return this.#forms.get(message)?.reduce((sum, value) => sum + mostBytes(value), 0);
  }

  /**
   * Frames of a call in the order in which they were sent.
   * @returns nothing where it is not what a sender makes; no frame of that sender can be read from then on
   */
  unpack(key: FrameKey, payload: Uint8Array): Float32Array[] | undefined {
    const form = this.#forms.get(key.message);
    if (!form) return undefined;
    const sent = this.#memories.of(key);
    const input = new PackedReader(payload);
    const values: Float32Array[] = [];
    for (const value of form) {
      const { mode, base } = readHead(input);
      if (base > 0 && !sent.has(value.bases[base - 1] ?? '')) return undefined;
      const memory = goOnFrom(sent, value, base);
      if (!unpackValue(input, mode, base, memory, value, this.#codec)) return undefined;
      values.push(memory.slice());
    }
    return input.left === 0 ? values : undefined;
  }
}
