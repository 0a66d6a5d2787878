/**
 * Frames held to the range that the plan gives their values. An honest shard sends none beyond it, so no honest run has
 * other bits for it; where one lies its neighbours get the nearest value that a node can have. The range is in the
 * deployment, which records name by its hash: who does a stretch again gets the same values. Pure.
 */
import type { Frame } from '../training/frame.ts';
import type { Deployment } from '../wire/deployment.ts';
import type { Range } from './border-watch.ts';

/** By message, of those for a shard that cannot have any value. */
export function rangesFor({ needs }: Pick<Deployment, 'needs'>, shard: number): ReadonlyMap<number, Range> {
  const { ranges = [] } = needs[shard] ?? {};
  return new Map(
    ranges.map(({ message, low = Number.NEGATIVE_INFINITY, high = Number.POSITIVE_INFINITY }) => [
      message,
      { low, high },
    ]),
  );
}

/** The frame itself where all of it lies within: its memory may be a packet's, which is signed and kept as it came. */
export function withinRange(frame: Frame, range: Range | undefined): Frame {
  if (!range) return frame;
  const { low, high } = range;
  if (frame.values.every((tensor) => areWithin(tensor, range))) return frame;
  const values = frame.values.map(
    (tensor) => tensor.map((value) => Math.min(high, Math.max(low, value))) as typeof tensor,
  );
  return { ...frame, values };
}

/** Of each frame, before the shard can go on: a function for each value would take ten times as long. */
function areWithin(tensor: Frame['values'][number], { low, high }: Range): boolean {
  for (let i = 0; i < tensor.length; i++) {
    const value = tensor[i] as number;
    // No number is within no range.
    if (!(value >= low && value <= high)) return false;
  }
  return true;
}
