/** Frames that stay in the process: they lose what they would lose on the way, so the placement changes no result. Pure. */
import type { ShardSchedule } from '../../spec/schedule.ts';
import type { Frame } from '../training/frame.ts';
import { type Codec, decodeValues, encodeValues, isPacked } from './codec.ts';
import { FramePacker } from './packer.ts';

/** Takes frames in the order in which they are sent; what it gives keeps none of their memory. */
export type Carrier = (frame: Frame) => Frame;

/** Of one shard's frames. @returns nothing where they lose nothing */
export function carrierOf(codec: Codec, schedule: ShardSchedule): Carrier | undefined {
  if (isPacked(codec)) {
    const packer = new FramePacker(codec, schedule);
    return (frame) => ({ ...frame, values: packer.pack(frame).values });
  }
  if (codec !== 'f16') return undefined;
  return ({ values, ...key }) => {
    const lengths = values.map((v) => v.length);
    return { ...key, values: decodeValues(encodeValues(values, 'f16'), lengths, 'f16') };
  };
}

/** @param isKept their memory is used again: another shard gets copies */
export function carried(frame: Frame, carrier: Carrier | undefined, isKept: boolean): Frame {
  if (carrier) return carrier(frame);
  return isKept ? { ...frame, values: frame.values.map((v) => v.slice()) } : frame;
}
