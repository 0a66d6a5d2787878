/**
 * Both ends of packed frames. What was sent last of each value is kept within one call alone: the next one has other
 * samples, and begins from nothing. So there is nothing to keep between calls, and no snapshot has anything of it.
 */
import type { ShardSchedule } from '../../spec/schedule.ts';
import { ofPresent, zeroed } from '../support/bounded.ts';
import type { Frame, FrameKey } from '../training/frame.ts';
import type { PackedCodec, Tensor } from './codec.ts';
import { packValue } from './pack-value.ts';
import { PackedReader, PackedWriter } from './packed-bytes.ts';
import { mostBytes } from './packed-form.ts';
import { unpackValue } from './unpack-value.ts';
import { messageForms, type ValueForm } from './value-forms.ts';

/** Two calls may be under way at once. */
const CALLS_KEPT = 2;

class Memories {
  readonly #calls = new Map<number, Map<string, Float32Array>>();

  of({ callIndex, microbatch }: FrameKey, values: readonly ValueForm[]): readonly Float32Array[] {
    let call = this.#calls.get(callIndex);
    if (!call) {
      for (const before of this.#calls.keys()) if (before <= callIndex - CALLS_KEPT) this.#calls.delete(before);
      call = new Map<string, Float32Array>();
      this.#calls.set(callIndex, call);
    }
    const kept = call;
    return values.map(({ memory, length }) => {
      const name = `${memory}/${microbatch}`;
      const known = kept.get(name);
      if (known !== undefined) return known;
      const made = zeroed(Float32Array, ofPresent(length));
      kept.set(name, made);
      return made;
    });
  }
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
    const memories = this.#memories.of(frame, form);
    const out = new PackedWriter(form.reduce((sum, value) => sum + mostBytes(value), 0));
    const values = form.map((value, i) => {
      const memory = memories[i] as Float32Array;
      packValue(out, frame.values[i] as Tensor, memory, value, this.#codec);
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
    const memories = this.#memories.of(key, form);
    const input = new PackedReader(payload);
    for (const [i, value] of form.entries())
      if (!unpackValue(input, memories[i] as Float32Array, value, this.#codec)) return undefined;
    return input.left === 0 ? memories.map((memory) => memory.slice()) : undefined;
  }
}
