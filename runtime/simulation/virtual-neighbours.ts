/**
 * The neighbours of a virtual shard: how far each has come by what it says, counted in ticks since the run began, and who
 * is waited for. In the schedule `async` a neighbour may be away, or come back at a later call: what it did before is never
 * sent, as of real shards (`AbsentNeighbours`), so that a call which needs that cannot be made any more.
 */

/** What has come of one neighbour, in ticks. */
interface Heard {
  /** The newest that it has computed. */
  count: number;
  /** Of schedule `async`: from the first number to before the second one nothing has come, and nothing will. */
  readonly gaps: (readonly [number, number])[];
}

export interface VirtualNeighboursOptions {
  /** Of the shard itself. */
  readonly shard: number;
  readonly neighbours: readonly number[];
  /** Ticks of a call, of all its microbatches. */
  readonly steps: number;
  readonly microbatches: number;
  /** Of schedule `async`: so many ticks old may be what a tick reads; absent: it reads that of the same tick. */
  readonly staleness: number | undefined;
}

const NONE: ReadonlySet<number> = new Set();
const NO_SHARDS: readonly number[] = [];

export class VirtualNeighbours {
  readonly #options: VirtualNeighboursOptions;
  readonly #heard: ReadonlyMap<number, Heard>;
  #away: ReadonlySet<number> = NONE;
  #lost: ReadonlySet<number> = NONE;

  constructor(options: VirtualNeighboursOptions) {
    this.#options = options;
    this.#heard = new Map(options.neighbours.map((shard) => [shard, { count: 0, gaps: [] }]));
  }

  /** All is as at the beginning of a term from a snapshot. */
  forget(): void {
    this.#away = NONE;
    this.#lost = NONE;
    for (const heard of this.#heard.values()) {
      heard.count = 0;
      heard.gaps.length = 0;
    }
  }

  /** @returns whether anything has changed */
  setAway(shards: readonly number[], lost: readonly number[]): boolean {
    const isSame = isSameSet(this.#away, shards) && isSameSet(this.#lost, lost);
    this.#away = new Set(shards);
    this.#lost = new Set(lost);
    return !isSame;
  }

  isAway(shard: number): boolean {
    return this.#away.has(shard);
  }

  /**
   * @param computed of a neighbour, in all @param since the tick from which on it has sent everything
   * @returns whether that is news
   */
  hear(from: number, computed: number, since: number): boolean {
    const heard = this.#heard.get(from);
    if (!heard || computed <= heard.count) return false;
    if (since > heard.count) heard.gaps.push([heard.count, since]);
    heard.count = computed;
    return true;
  }

  /** Those for which the tick behind so many waits. @param of the call under way: where it begins */
  missingForTick(computed: number, of: number): readonly number[] {
    const { microbatches, staleness } = this.#options;
    const tick = computed - of;
    // The first of each microbatch needs none.
    if (tick < microbatches) return NO_SHARDS;
    const least = staleness === undefined ? tick - microbatches + 1 : Math.max(1, tick - staleness);
    return this.#without(least, of);
  }

  /** Those for which a call waits that has been computed here. */
  missingForEnd(of: number): readonly number[] {
    return this.#without(this.#options.steps, of);
  }

  /**
   * Frames come in their order: one that comes exactly once, and is missing while its sender is in a later call, never
   * comes. Older ones of free ticks may be replaced.
   * @returns the latest call of a neighbour; nothing where the call under way can still be made
   */
  behind(computed: number, of: number): number | undefined {
    const { steps, staleness } = this.#options;
    if (staleness === undefined) return undefined;
    const tick = computed - of;
    if (tick !== 1 && tick < steps) return undefined;
    const missing = tick < steps ? this.missingForTick(computed, of) : this.missingForEnd(of);
    const isMissed = missing.some((shard) => this.#callOf(shard) * steps > of);
    return isMissed ? Math.max(...[...this.#heard.keys()].map((shard) => this.#callOf(shard))) : undefined;
  }

  /** Call of the newest frame of it that comes exactly once; -1: none has come. */
  #callOf(shard: number): number {
    const count = this.#heard.get(shard)?.count ?? 0;
    return Math.ceil(count / this.#options.steps) - 1;
  }

  /** Neighbours that are waited for and have not come so far in a call that begins there. */
  #without(ticks: number, of: number): readonly number[] {
    const { shard: own } = this.#options;
    const absent = this.#away.has(own) ? this.#lost : this.#away;
    let missing = NO_SHARDS;
    for (const [shard, heard] of this.#heard)
      if (!absent.has(shard) && this.#newest(heard, of) < of + ticks) missing = [...missing, shard];
    return missing;
  }

  /** Behind which tick the newest frame was sent that has come of a call that begins there. */
  #newest({ count, gaps }: Heard, of: number): number {
    let newest = Math.min(count, of + this.#options.steps);
    // The newer ones come last.
    for (let i = gaps.length - 1; i >= 0; i--) {
      const [from = 0, to = 0] = gaps[i] ?? [];
      if (newest > from && newest <= to) newest = from;
    }
    return newest;
  }
}

function isSameSet(set: ReadonlySet<number>, list: readonly number[]): boolean {
  return set.size === list.length && list.every((n) => set.has(n));
}
