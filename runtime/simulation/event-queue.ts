/** Things to happen, by virtual time; what was queued first comes first at the same time. */

interface Queued<T> {
  readonly at: number;
  readonly order: number;
  readonly what: T;
}

export class EventQueue<T> {
  readonly #heap: Queued<T>[] = [];
  #count = 0;

  get size(): number {
    return this.#heap.length;
  }

  add(at: number, what: T): void {
    const added: Queued<T> = { at, order: this.#count++, what };
    this.#heap.push(added);
    this.#rise(this.#heap.length - 1, added);
  }

  next(): { readonly at: number; readonly what: T } | undefined {
    const first = this.#heap[0];
    const last = this.#heap.pop();
    if (last && this.#heap.length > 0) this.#sink(last);
    return first;
  }

  /** Later ones on the way to the root each move down by one, and it takes the place that is left. */
  #rise(from: number, added: Queued<T>): void {
    const heap = this.#heap;
    let at = from;
    while (at > 0) {
      const up = (at - 1) >> 1;
      const parent = heap[up];
      if (!parent || !isBefore(added, parent)) break;
      heap[at] = parent;
      at = up;
    }
    heap[at] = added;
  }

  /** From the root, where none is any more: earlier ones move up. */
  #sink(moved: Queued<T>): void {
    const heap = this.#heap;
    let at = 0;
    for (;;) {
      let down = 2 * at + 1;
      let least = heap[down];
      if (!least) break;
      const right = heap[down + 1];
      if (right && isBefore(right, least)) {
        least = right;
        down++;
      }
      if (!isBefore(least, moved)) break;
      heap[at] = least;
      at = down;
    }
    heap[at] = moved;
  }
}

function isBefore<T>(x: Queued<T>, y: Queued<T>): boolean {
  return x.at < y.at || (x.at === y.at && x.order < y.order);
}
