/**
 * Neighbours of a shard that come and go (schedule `async`): whose frames are not waited for, what they missed and get
 * when they are back, and how far they have gone without this shard. The mesh says who is away. Where the schedule has
 * it (`late = absent`), a neighbour that does not answer when it is asked is done without before the mesh knows of it.
 */
import type { ShardSchedule } from '../../spec/schedule.ts';
import type { Call } from '../training/calls.ts';
import { type Frame, type FrameKey, frameName } from '../training/frame.ts';

export interface NeighboursOptions {
  readonly schedule: ShardSchedule;
  /** Messages of which a newer frame replaces an older one, but for the first tick. */
  readonly free: ReadonlySet<number>;
  /** Values whose memory is used again. */
  readonly isKept: boolean;
  /** Whether frames get to a shard now. */
  readonly isReached: (shard: number) => boolean;
  /** Shards whose frames are stood in for from now on, and those of them that were given up. */
  readonly standIn: (absent: ReadonlySet<number>, lost: ReadonlySet<number>) => void;
  /** Of a schedule that leaves neighbours which do not answer; absent: it waits for all. */
  readonly leaving?: Leaving | undefined;
  readonly send: (frame: Frame, to: number) => void;
}

export interface Leaving {
  /** Whether this shard learns something without these. */
  readonly mayLeave: (shards: readonly number[]) => boolean;
  /** Shards of this process are there as long as this one is. */
  readonly isRemote: (shard: number) => boolean;
  /** Asks a neighbour whether it is there. */
  readonly ask: (shard: number) => void;
  readonly now: () => number;
}

/** Whether one of them needs all shards. */
export function isChecking(calls: Iterable<Call>): boolean {
  return [...calls].some(({ kind }) => kind === 'evaluate');
}

/** Shards from which these frames come. */
export function sendersOf({ messages }: Pick<ShardSchedule, 'messages'>, frames: readonly FrameKey[]): number[] {
  return [...new Set(frames.flatMap((f) => messages.find((m) => m.id === f.message)?.from ?? []))];
}

const NONE: ReadonlySet<number> = new Set();
/** Milliseconds between two questions to a neighbour that does not answer. */
const ASK_EVERY = 100;

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
  /** Waited for and asked, with nothing heard of them since. */
  readonly #asked = new Set<number>();
  /** They have not answered: nothing of them is waited for until something comes. */
  readonly #silent = new Set<number>();
  /** Those that were silent in this term. */
  readonly #left = new Set<number>();
  /** When they were asked last. */
  #askedAt = 0;
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
    this.#asked.clear();
    this.#silent.clear();
    this.#left.clear();
    this.#recent.clear();
    this.#told.clear();
    this.#heard.clear();
    this.#options.standIn(NONE, NONE);
  }

  /** New keys: what was on its way is lost. */
  rekeyed(): void {
    this.#isUntold = true;
    this.#told.clear();
    this.#asked.clear();
    this.#silent.clear();
    this.#left.clear();
  }

  setAway(shards: readonly number[], lost: readonly number[]): void {
    this.#isUntold = false;
    this.#away = new Set(shards);
    this.#lost = new Set(lost);
    for (const shard of shards) {
      this.#told.delete(shard);
      this.#silent.delete(shard);
    }
    this.#doWithout();
    this.catchUp();
  }

  #doWithout(): void {
    this.#options.standIn(this.#absent, this.#lost);
  }

  /**
   * It has waited for these for long and asks them whether something was lost. Who was asked before and has said nothing
   * since is silent.
   *
   * @returns whether it does without somebody from now on
   */
  waitsFor(shards: readonly number[]): boolean {
    const { leaving } = this.#options;
    if (!leaving) return false;
    const asked = shards.filter((shard) => leaving.isRemote(shard) && !this.#away.has(shard));
    const silent = asked.filter((shard) => this.#asked.has(shard));
    for (const shard of asked) this.#asked.add(shard);
    if (silent.length === 0 || !leaving.mayLeave([...this.#away, ...this.#silent, ...silent])) return false;
    for (const shard of silent) {
      this.#silent.add(shard);
      this.#left.add(shard);
      this.#told.delete(shard);
    }
    this.#doWithout();
    return true;
  }

  /** Who is silent is asked again, and not at every call. */
  askSilent(): void {
    const { leaving } = this.#options;
    if (!leaving || this.#silent.size === 0 || leaving.now() - this.#askedAt < ASK_EVERY) return;
    this.#askedAt = leaving.now();
    for (const shard of this.#silent) leaving.ask(shard);
  }

  /** Something of it has come: where it was silent, it gets what it may have missed. */
  answered(shard: number): void {
    this.#asked.delete(shard);
    if (!this.#silent.delete(shard)) return;
    this.#doWithout();
    this.#catchUp(shard);
  }

  /** It teaches nothing now: it waits itself. */
  get #rests(): boolean {
    return this.#away.has(this.#options.schedule.shard);
  }

  /** Whether a neighbour that this shard reads is stood in for. */
  get hasAbsentSender(): boolean {
    const { shard } = this.#options.schedule;
    return [...this.#target].some(([id, to]) => to === shard && this.#absent.has(this.#source.get(id) ?? -1));
  }

  /** Whether it does not answer. */
  isSilent(shard: number): boolean {
    return this.#silent.has(shard);
  }

  /** Whose frames are stood in for. */
  get #absent(): ReadonlySet<number> {
    return this.#rests ? this.#lost : new Set([...this.#away, ...this.#silent]);
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
    return !this.#away.has(to) && !(isTraining && this.#silent.has(to));
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
      (key) => this.#isOrdered(key) && (this.#heard.get(this.#source.get(key.message) ?? -1) ?? -1) > key.callIndex,
    );
    return isMissed ? Math.max(...this.#heard.values()) : undefined;
  }

  /** Gives neighbours that are back, or under new keys, what they may have missed. */
  catchUp(): void {
    for (const to of this.#recent.keys()) this.#catchUp(to);
  }

  #catchUp(to: number): void {
    if (this.#told.has(to) || this.#away.has(to) || this.#silent.has(to) || !this.#options.isReached(to)) return;
    this.#told.add(to);
    for (const frame of this.#recent.get(to)?.values() ?? []) this.#options.send(frame, to);
  }

  /** Of a neighbour that was left, and may have left this shard, none of an earlier call is still on its way. */
  #isOrdered(key: FrameKey): boolean {
    return this.#isExact(key) || this.#left.has(this.#source.get(key.message) ?? -1);
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
