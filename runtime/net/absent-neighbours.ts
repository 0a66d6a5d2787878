/**
 * Neighbours of a shard that come and go (schedule `async`): whose frames are not waited for, what they missed and get
 * when they are back, and how far they have gone without this shard.
 */
import type { ShardSchedule } from '../../spec/schedule.ts';
import { type Frame, type FrameKey, frameName } from '../training/frame.ts';

export interface NeighboursOptions {
  readonly schedule: ShardSchedule;
  /** Messages of which a newer frame replaces an older one, but for the first tick. */
  readonly free: ReadonlySet<number>;
  /** Values whose memory is used again. */
  readonly isKept: boolean;
  /** Whether frames get to a shard now. */
  readonly isReached: (shard: number) => boolean;
  readonly send: (frame: Frame, to: number) => void;
}

const NONE: ReadonlySet<number> = new Set();

export class AbsentNeighbours {
  readonly #options: NeighboursOptions;
  readonly #target: ReadonlyMap<number, number>;
  readonly #source: ReadonlyMap<number, number>;
  /** Shards to which frames go. */
  readonly #others: ReadonlySet<number>;
  #away: ReadonlySet<number> = NONE;
  #lost: ReadonlySet<number> = NONE;
  /** A term has begun, and who is away in it was not said yet. */
  #isUntold = false;
  /** By neighbour, what it needs for the calls that it may be at: those of now and before. */
  readonly #recent = new Map<number, Map<string, Frame>>();
  /** Those that have got it under the keys of now. */
  readonly #told = new Set<number>();
  /** By neighbour, the newest call of which it has sent what comes exactly once. */
  readonly #heard = new Map<number, number>();

  constructor(options: NeighboursOptions) {
    this.#options = options;
    const { messages } = options.schedule;
    this.#target = new Map(messages.map(({ id, to }) => [id, to]));
    this.#source = new Map(messages.map(({ id, from }) => [id, from]));
    this.#others = new Set([...this.#target.values()].filter((shard) => shard !== options.schedule.shard));
  }

  /** All is as at the beginning of a term from a snapshot. */
  forget(): void {
    this.#away = NONE;
    this.#lost = NONE;
    this.#isUntold = false;
    this.#recent.clear();
    this.#told.clear();
    this.#heard.clear();
  }

  /** New keys: what was on its way is lost. */
  rekeyed(): void {
    this.#isUntold = true;
    this.#told.clear();
  }

  setAway(shards: readonly number[], lost: readonly number[]): void {
    this.#isUntold = false;
    this.#away = new Set(shards);
    this.#lost = new Set(lost);
    for (const shard of shards) this.#told.delete(shard);
  }

  /** It teaches nothing now: it waits itself. */
  get rests(): boolean {
    return this.#away.has(this.#options.schedule.shard);
  }

  /** Whose frames zeros stand in for. */
  get absent(): ReadonlySet<number> {
    return this.rests ? this.#lost : this.#away;
  }

  get lost(): ReadonlySet<number> {
    return this.#lost;
  }

  /**
   * Checks need all shards that are to come back, and nothing of them is sent once more.
   * @returns a shard that is away, or that no frame gets to yet
   */
  get awaited(): number | undefined {
    if (this.#isUntold) return this.#options.schedule.shard;
    const { isReached } = this.#options;
    const isMissing = (shard: number): boolean =>
      !this.#lost.has(shard) && (this.#away.has(shard) || !isReached(shard));
    return [...this.#away, ...this.#others].find(isMissing);
  }

  /** @returns whether it goes now: to who is away nothing goes, and what has to come is sent when it is back */
  sends(frame: Frame, isTraining: boolean): boolean {
    const to = this.#target.get(frame.message) ?? -1;
    if (isTraining) this.#keep(to, frame);
    return !this.#away.has(to);
  }

  heard(frame: Frame): void {
    if (!this.#isExact(frame)) return;
    const from = this.#source.get(frame.message) ?? -1;
    this.#heard.set(from, Math.max(this.#heard.get(from) ?? -1, frame.callIndex));
  }

  /**
   * Frames come in their order: one that is missing while its sender is in a later call never comes.
   * @returns the latest call of a neighbour; nothing where this shard is not behind
   */
  behind(needed: readonly FrameKey[]): number | undefined {
    const isMissed = needed.some(
      (key) => this.#isExact(key) && (this.#heard.get(this.#source.get(key.message) ?? -1) ?? -1) > key.callIndex,
    );
    return isMissed ? Math.max(...this.#heard.values()) : undefined;
  }

  /** Gives neighbours that are back, or under new keys, what they may have missed. */
  catchUp(): void {
    for (const [to, frames] of this.#recent) {
      if (this.#told.has(to) || this.#away.has(to) || !this.#options.isReached(to)) continue;
      this.#told.add(to);
      for (const frame of frames.values()) this.#options.send(frame, to);
    }
  }

  #isExact({ message, tick }: FrameKey): boolean {
    return tick === 0 || !this.#options.free.has(message);
  }

  #keep(to: number, frame: Frame): void {
    const frames = this.#recent.get(to) ?? new Map<string, Frame>();
    this.#recent.set(to, frames);
    for (const [name, { callIndex }] of frames) if (callIndex < frame.callIndex - 1) frames.delete(name);
    const values = this.#options.isKept ? frame.values.map((v) => v.slice()) : frame.values;
    // Of what a newer one replaces the newest is enough.
    const { message, callIndex, microbatch } = frame;
    const name = this.#isExact(frame) ? frameName(frame) : `${message}/${callIndex}/${microbatch}`;
    frames.delete(name);
    frames.set(name, { ...frame, values });
  }
}
