/** What sessions are given and what they exchange. */
import type { FieldData, Position, Tensor } from '../device/device.ts';

/** Which batch, or which microbatch of one. All shards must number alike. */
export interface PartKey {
  /** Counts calls of functions over the whole run, trainings and predictions alike. */
  readonly sequence: number;
  /** 0 where a batch is not divided. */
  readonly microbatch: number;
}

/** A batch for one function of the model, as far as this shard takes part in it. */
export interface Part extends PartKey {
  /** `train`, `predict.classify`. */
  readonly name: string;
  readonly position: Position;
  /** The fields that `ShardFunction.inputs` names, one whole batch of each; copied before `start` returns. */
  readonly inputs: Readonly<Record<string, FieldData>>;
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

export function frameName({ message, sequence, microbatch, tick }: FrameKey): string {
  return `${message}/${sequence}/${microbatch}/${tick}`;
}

/**
 * A batch in parts of so many samples, as copies: whoever gave it may use its memory again.
 *
 * @param sizes of the parts, which together are the batch
 */
export function sharesOf(inputs: Part['inputs'], sizes: readonly number[]): Record<string, FieldData>[] {
  const batch = sizes.reduce((sum, size) => sum + size, 0);
  let from = 0;
  return sizes.map((size) => {
    const begin = from;
    from += size;
    return Object.fromEntries(
      Object.entries(inputs).map(([name, data]) => {
        const values = data.length / batch;
        return [name, data.slice(begin * values, from * values)];
      }),
    );
  });
}
