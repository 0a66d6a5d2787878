/** What is known of some values of a function. To forget it all takes no time, so one map serves all shards in turn. */
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
  readonly #items: T[] = [];

  constructor(count: number) {
    this.#known = new ValueSet(count);
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
