/** Frames of one shard as they go, made again from their values: for records of what went. */
import type { ShardSchedule } from '../../spec/schedule.ts';
import type { Frame } from '../training/frame.ts';
import { type Codec, decodeValues, encodeValues, isPacked, type Tensor } from './codec.ts';
import { FramePacker } from './packer.ts';

export interface EncodedFrame {
  readonly payload: Uint8Array;
  /** As its receiver has them: copies. */
  readonly values: readonly Tensor[];
}

/** @returns takes frames in the order in which they are sent */
export function frameEncoder(codec: Codec, schedule: ShardSchedule): (frame: Frame) => EncodedFrame {
  if (isPacked(codec)) {
    const packer = new FramePacker(codec, schedule);
    return (frame) => packer.pack(frame);
  }
  return ({ values }) => {
    const payload = encodeValues(values, codec);
    const lengths = values.map((v) => v.length);
    return { payload, values: decodeValues(payload, lengths, codec) };
  };
}
