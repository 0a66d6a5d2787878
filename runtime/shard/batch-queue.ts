/**
 * The calls of a shard, one after the other. Where batches settle on predicted weights, the next one may begin while
 * the first waits for others; it goes as far as its own weight step, which is behind that of the first. Pure.
 */

import type { Holder } from '../device/device.ts';
import type { FrameKey } from '../training/frame.ts';
import { type BatchStep, BatchWalk } from './batch-walk.ts';
import type { Part } from './part.ts';
import type { Routes } from './route.ts';
import type { Room } from './walk.ts';

interface Queued {
  readonly walk: BatchWalk;
  /** Whether it may begin before the weight step of another that may. */
  readonly ahead: boolean;
}

export class BatchQueue {
  readonly #waiting: Queued[] = [];
  readonly #holder: Holder | undefined;

  /** @param holder told of the values that calls hold */
  constructor(holder?: Holder) {
    this.#holder = holder;
  }

  /** @param inputs of the part, as far as this shard is fed */
  add({ of, ahead }: Routes, part: Part): void {
    this.#waiting.push({ walk: new BatchWalk(of(part.position.batch), part, this.#holder), ahead });
  }

  /** The call that ends next. */
  get first(): Part | undefined {
    return this.#waiting[0]?.walk.part;
  }

  /**
   * @param room whether there is room for a frame; without it there always is
   * @returns what comes next; nothing where no call is under way
   */
  next(has: (key: FrameKey) => boolean, room?: Room): BatchStep | undefined {
    const [first, second] = this.#waiting;
    const step = first?.walk.next(has, true, room);
    if (step?.kind !== 'needs' || !first?.ahead || !second?.ahead) return step;
    const behind = second.walk.next(has, false, room);
    return behind.kind === 'needs' ? { kind: 'needs', frames: [...step.frames, ...behind.frames] } : behind;
  }

  /** The first one is done. */
  shift(): void {
    this.#waiting.shift();
  }

  clear(): void {
    for (const { walk } of this.#waiting) walk.end();
    this.#waiting.length = 0;
  }
}
