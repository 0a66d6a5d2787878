/** Which part of a batch, and which message of it: what shards of one machine and of a mesh hand to each other. Pure. */
import type { Tensor } from '../device/device.ts';

/** Which batch, or which microbatch of one. All shards must number alike. */
export interface PartKey {
  /** Which call of the run, from 0: trainings and evaluations alike. */
  readonly callIndex: number;
  /** 0 where a batch is not divided. */
  readonly microbatch: number;
}

/** Which frame: a message in one repetition of its stage, for one part. */
export interface FrameKey extends PartKey {
  /** `Message.id`. */
  readonly message: number;
  /** Repetition of the stage, from 0. */
  readonly tick: number;
}

export interface Frame extends FrameKey {
  /** One for each of `Message.values`, in that order, in the device's own precision. */
  readonly values: readonly Tensor[];
}

export function frameName({ message, callIndex, microbatch, tick }: FrameKey): string {
  return `${message}/${callIndex}/${microbatch}/${tick}`;
}
