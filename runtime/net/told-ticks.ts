/** The last tick that each microbatch in flight has told others of. */
import type { FrameKey } from '../training/frame.ts';

export class ToldTicks {
  readonly #tickOf = new Map<number, string>();

  /** @returns whether the frame is the first one of its tick */
  isNew({ callIndex, microbatch, tick }: FrameKey): boolean {
    const at = `${callIndex}/${tick}`;
    // Of two batches in flight one is even, one odd.
    const of = 2 * microbatch + (callIndex % 2);
    if (this.#tickOf.get(of) === at) return false;
    this.#tickOf.set(of, at);
    return true;
  }
}
