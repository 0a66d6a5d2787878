/** What may wait for others of its kind, and is handed over together with them. */
export class Gathered<T, R = void> {
  readonly #milliseconds: number;
  readonly #take: (items: readonly T[]) => R;
  #items: T[] = [];
  #timer: NodeJS.Timeout | undefined;

  /** @param milliseconds for which the first of them waits at most */
  constructor(milliseconds: number, take: (items: readonly T[]) => R) {
    this.#milliseconds = milliseconds;
    this.#take = take;
  }

  add(item: T): void {
    this.#items.push(item);
    this.#timer ??= setTimeout(() => this.flush(), this.#milliseconds);
  }

  /** Hands over at once what waits. @returns nothing where nothing does */
  flush(): R | undefined {
    const items = this.#items;
    this.drop();
    return items.length > 0 ? this.#take(items) : undefined;
  }

  /** What waits is not handed over. */
  drop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#items = [];
  }
}
