/** Frames of free ticks that a shard has received: of each message and part those that it may still read. */
import type { Frame, FrameKey, PartKey } from '../training/frame.ts';
import type { FrameChooser, Taken } from '../training/free-ticks.ts';
import type { Part } from './part.ts';

interface Held {
  readonly frames: Map<number, Frame>;
  newest: number;
}

export class Slots {
  /** Messages whose frames it takes. */
  readonly free: ReadonlySet<number>;
  readonly #chooser: FrameChooser;
  /** By call, then by message and microbatch. */
  readonly #calls = new Map<number, Map<string, Held>>();
  readonly #taken = new Map<number, Taken[]>();
  /** Of the calls under way. */
  readonly #batches = new Map<number, number>();

  /** @param free all other messages are strict */
  constructor(free: ReadonlySet<number>, chooser: FrameChooser) {
    this.free = free;
    this.#chooser = chooser;
  }

  begin({ callIndex, position }: Pick<Part, 'callIndex' | 'position'>): void {
    this.#batches.set(callIndex, position.batch);
  }

  isFree({ message }: Pick<FrameKey, 'message'>): boolean {
    return this.free.has(message);
  }

  /** @returns why the frame is of no use: an older or the same one, which does no harm */
  put(frame: Frame): 'twice' | 'past' | undefined {
    const held = this.#heldFor(frame);
    if (held.frames.has(frame.tick)) return 'twice';
    if (this.#chooser.replaces) {
      if (frame.tick < held.newest) return 'past';
      held.frames.clear();
    }
    held.frames.set(frame.tick, frame);
    held.newest = Math.max(held.newest, frame.tick);
    return undefined;
  }

  /** Whether the frame that a tick reads is there. */
  has(key: FrameKey): boolean {
    return this.#chosen(key) !== undefined;
  }

  /** The newest frame of a message in a call, however old. */
  newest({ message, callIndex, microbatch }: Omit<FrameKey, 'tick'>): Frame | undefined {
    const held = this.#calls.get(callIndex)?.get(slotName({ message, microbatch }));
    return held?.frames.get(held.newest);
  }

  /** The frame that a tick reads; older ones are forgotten. @param isAbsent who sends it: the newest stays as it is */
  take(key: FrameKey, isAbsent = false): Frame | undefined {
    const inTime = this.#chosen(key);
    const chosen = inTime ?? (isAbsent ? this.newest(key) : undefined);
    this.#chooser.took?.(key, inTime?.tick);
    if (!chosen) return undefined;
    const { frames } = this.#heldFor(key);
    for (const tick of frames.keys()) if (tick < chosen.tick) frames.delete(tick);
    const { message, microbatch, tick } = key;
    if (chosen.tick !== tick) {
      const list = this.#taken.get(key.callIndex) ?? [];
      list.push({ message, microbatch, tick, taken: chosen.tick });
      this.#taken.set(key.callIndex, list);
    }
    return chosen;
  }

  /** What a call read of other ticks, in order; it is over, and forgotten. */
  end({ callIndex }: Pick<PartKey, 'callIndex'>): readonly Taken[] {
    const taken = this.#taken.get(callIndex) ?? [];
    this.#taken.delete(callIndex);
    this.#calls.delete(callIndex);
    this.#batches.delete(callIndex);
    return taken;
  }

  /** Calls up to this one are over. */
  forget(past: number): void {
    for (const calls of [this.#calls, this.#taken, this.#batches])
      for (const callIndex of calls.keys()) if (callIndex <= past) calls.delete(callIndex);
  }

  clear(): void {
    this.#calls.clear();
    this.#taken.clear();
    this.#batches.clear();
  }

  #chosen(key: FrameKey): Frame | undefined {
    const held = this.#calls.get(key.callIndex)?.get(slotName(key));
    if (!held) return undefined;
    const batch = this.#batches.get(key.callIndex) ?? key.callIndex;
    const has = (asked: number): boolean => held.frames.has(asked);
    const tick = this.#chooser.choose(key, { newest: held.newest, batch, has });
    return tick === undefined ? undefined : held.frames.get(tick);
  }

  #heldFor(key: FrameKey): Held {
    const call = this.#calls.get(key.callIndex) ?? new Map<string, Held>();
    this.#calls.set(key.callIndex, call);
    const name = slotName(key);
    const held = call.get(name) ?? { frames: new Map<number, Frame>(), newest: -1 };
    call.set(name, held);
    return held;
  }
}

const slotName = ({ message, microbatch }: Pick<FrameKey, 'message' | 'microbatch'>): string =>
  `${message}/${microbatch}`;
