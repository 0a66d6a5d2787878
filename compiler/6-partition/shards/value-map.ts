/** A map from values of a function. To forget all of it takes no time, so one map serves all shards in turn. */
import type { Value } from './values.ts';

export class ValueSet {
  readonly #since: Uint32Array;
  #now = 1;

  /** @param count of the function's values */
  constructor(count: number) {
    this.#since = new Uint32Array(count);
  }

  has({ index }: Value): boolean {
    return this.#since[index] === this.#now;
  }

  add({ index }: Value): void {
    this.#since[index] = this.#now;
  }

  delete({ index }: Value): void {
    this.#since[index] = 0;
  }

  clear(): void {
    this.#now++;
  }
}

export class ValueMap<T> {
  readonly #known: ValueSet;
  readonly #items: (T | undefined)[];

  constructor(count: number) {
    this.#known = new ValueSet(count);
    // Of its length from the start: an array that is filled in no order becomes a table, which is slow.
    this.#items = new Array<T | undefined>(count);
  }

  has(value: Value): boolean {
    return this.#known.has(value);
  }

  get(value: Value): T | undefined {
    return this.#known.has(value) ? this.#items[value.index] : undefined;
  }

  set(value: Value, item: T): void {
    this.#known.add(value);
    this.#items[value.index] = item;
  }

  clear(): void {
    this.#known.clear();
  }
}

/** For some values the segments that read them, added in their order: chains in one list, where an array each would be many. */
export class SegmentLists {
  readonly #lastOf: ValueMap<number>;
  readonly #segment: number[] = [];
  readonly #before: number[] = [];

  constructor(count: number) {
    this.#lastOf = new ValueMap(count);
  }

  add(value: Value, segment: number): void {
    const last = this.#lastOf.get(value) ?? NO_SEGMENT;
    if (last !== NO_SEGMENT && this.#segment[last] === segment) return;
    this.#lastOf.set(value, this.#segment.length);
    this.#segment.push(segment);
    this.#before.push(last);
  }

  some(value: Value, test: (segment: number) => boolean): boolean {
    let at = this.#lastOf.get(value) ?? NO_SEGMENT;
    for (; at !== NO_SEGMENT; at = this.#before[at] as number) if (test(this.#segment[at] as number)) return true;
    return false;
  }

  clear(): void {
    this.#lastOf.clear();
    this.#segment.length = 0;
    this.#before.length = 0;
  }
}

const NO_SEGMENT = -1;
