/** How one end of a border makes bytes of frames, and frames of bytes: number by number, or packed with what was sent before. */
import type { ShardSchedule } from '../../spec/schedule.ts';
import type { Frame, FrameKey } from '../training/frame.ts';
import { CODEC_BYTES, type Codec, isPacked, type PlainCodec, type Tensor, valuesIn, writeValues } from './codec.ts';
import type { FrameSize } from './data-problem.ts';
import { FramePacker, FrameUnpacker } from './packer.ts';

export interface FrameContent {
  readonly bytes: number;
  /** @param into as many as are written; they begin where numbers may. @param from in bytes */
  readonly write: (into: Uint8Array, from: number) => void;
}

export interface ContentOptions {
  readonly codec: Codec;
  /** Elements of each value of a message that the peer sends; nothing for others. */
  readonly lengthsOf: (message: number) => readonly number[] | undefined;
  /** Of codecs that pack. */
  readonly schedule?: ShardSchedule | undefined;
}

/** @param lengths elements of each value */
export function plainBytes(lengths: readonly number[], codec: PlainCodec): number {
  return lengths.reduce((sum, n) => sum + n, 0) * CODEC_BYTES[codec];
}

/** Frames go and come in the order of their calls and ticks. */
export class FrameContents {
  readonly #options: ContentOptions;
  readonly #packing: { readonly packer: FramePacker; readonly unpacker: FrameUnpacker } | undefined;

  /** @throws Error for a codec that packs, without a schedule */
  constructor(options: ContentOptions) {
    this.#options = options;
    const { codec, schedule } = options;
    if (!isPacked(codec)) return;
    if (!schedule) throw new Error(`${codec} needs the schedule of its shard`);
    this.#packing = { packer: new FramePacker(codec, schedule), unpacker: new FrameUnpacker(codec, schedule) };
  }

  of(frame: Frame): FrameContent {
    if (this.#packing) {
      const { payload } = this.#packing.packer.pack(frame);
      return {
        bytes: payload.length,
        write: (into, from) => into.set(payload.subarray(from, from + into.length)),
      };
    }
    const codec = this.#options.codec as PlainCodec;
    const size = CODEC_BYTES[codec];
    const lengths = frame.values.map((v) => v.length);
    return {
      bytes: plainBytes(lengths, codec),
      write: (into, from) => writeValues(into, frame.values, codec, from / size),
    };
  }

  /** What a frame of a message has to be as long as; nothing for a message that the peer does not send. */
  sizeOf(message: number): FrameSize | undefined {
    const { lengthsOf, codec } = this.#options;
    const lengths = lengthsOf(message);
    if (!lengths) return undefined;
    if (this.#packing) return { most: this.#packing.unpacker.mostOf(message) ?? 0 };
    const bytes = plainBytes(lengths, codec as PlainCodec);
    return { least: bytes, most: bytes };
  }

  /** @returns nothing for what no sender makes */
  read(key: FrameKey, bytes: Uint8Array): readonly Tensor[] | undefined {
    if (this.#packing) return this.#packing.unpacker.unpack(key, bytes);
    return valuesIn(bytes, this.#options.lengthsOf(key.message) ?? [], this.#options.codec as PlainCodec);
  }
}
