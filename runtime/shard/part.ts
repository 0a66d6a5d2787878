/** A batch, and a microbatch of it, as sessions are given them. */
import type { ShardFunction } from '../../spec/schedule.ts';
import type { FieldData, Position } from '../device/device.ts';
import type { PartKey } from '../training/frame.ts';

/** A batch for one function of the model, as far as this shard takes part in it. */
export interface Part extends PartKey {
  /** `train`, `predict.classify`. */
  readonly name: string;
  readonly position: Position;
  /** The fields that `ShardFunction.inputs` names, one whole batch of each; copied before `start` returns. */
  readonly inputs: Readonly<Record<string, FieldData>>;
}

/**
 * The fields that a function reads of a batch.
 * @throws Error where one is missing
 */
export function fieldsOf({ name, inputs }: ShardFunction, all: Part['inputs']): Record<string, FieldData> {
  const fieldOf = (field: string): FieldData => {
    const data = all[field];
    if (!data) throw new Error(`${name} needs the field ${field}`);
    return data;
  };
  return Object.fromEntries(inputs.map((input) => [input.name, fieldOf(input.name)]));
}

/**
 * A batch in parts of so many samples.
 *
 * @param sizes of the parts, which together are the batch
 * @param copies whether the caller may use its memory again
 */
export function sharesOf(inputs: Part['inputs'], sizes: readonly number[], copies = true): Record<string, FieldData>[] {
  const batch = sizes.reduce((sum, size) => sum + size, 0);
  let from = 0;
  return sizes.map((size) => {
    const begin = from;
    from += size;
    return Object.fromEntries(
      Object.entries(inputs).map(([name, data]) => {
        const values = data.length / batch;
        const [first, end] = [begin * values, from * values];
        return [name, copies ? data.slice(first, end) : data.subarray(first, end)];
      }),
    );
  });
}
