/** A binary heap over vertices with keys that can be changed: the largest key first, the smaller vertex on a tie. */
export class Heap {
  #items = new Int32Array(1024);
  #size = 0;
  readonly #keys: Float64Array;
  /** Index in `#items` of each vertex; -1: it is not in. */
  readonly #place: Int32Array;

  constructor(count: number) {
    this.#keys = new Float64Array(count);
    this.#place = new Int32Array(count).fill(-1);
  }

  size(): number {
    return this.#size;
  }

  has(vertex: number): boolean {
    return (this.#place[vertex] as number) >= 0;
  }

  /** Puts a vertex in, or changes its key. */
  set(vertex: number, key: number): void {
    const i = this.#place[vertex] as number;
    if (i < 0) {
      if (this.#size === this.#items.length) this.#grow();
      this.#keys[vertex] = key;
      this.#items[this.#size] = vertex;
      this.#up(this.#size++);
      return;
    }
    const old = this.#keys[vertex] as number;
    if (key === old) return;
    this.#keys[vertex] = key;
    if (key > old) this.#up(i);
    else this.#down(i);
  }

  remove(vertex: number): void {
    const place = this.#place;
    const items = this.#items;
    const i = place[vertex] as number;
    if (i < 0) return;
    place[vertex] = -1;
    const size = --this.#size;
    if (i === size) return;
    const last = items[size] as number;
    items[i] = last;
    place[last] = i;
    this.#up(i);
    this.#down(place[last] as number);
  }

  /** Key of a vertex that is in. */
  keyOf(vertex: number): number {
    return this.#keys[vertex] as number;
  }

  /** Key of the first. */
  topKey(): number {
    return this.#keys[this.#items[0] as number] as number;
  }

  /** Takes out the first; -1 when empty. */
  pop(): number {
    if (this.#size === 0) return -1;
    const top = this.#items[0] as number;
    this.remove(top);
    return top;
  }

  /** Costs as much as there is in it. */
  clear(): void {
    for (let i = 0; i < this.#size; i++) this.#place[this.#items[i] as number] = -1;
    this.#size = 0;
  }

  #up(from: number): void {
    const items = this.#items;
    const place = this.#place;
    const keys = this.#keys;
    let i = from;
    const v = items[i] as number;
    while (i > 0) {
      const above = (i - 1) >> 1;
      const u = items[above] as number;
      if (!isBefore(keys, v, u)) break;
      items[i] = u;
      place[u] = i;
      i = above;
    }
    items[i] = v;
    place[v] = i;
  }

  #down(from: number): void {
    const items = this.#items;
    const place = this.#place;
    const keys = this.#keys;
    const size = this.#size;
    let i = from;
    const v = items[i] as number;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= size) break;
      if (child + 1 < size && isBefore(keys, items[child + 1] as number, items[child] as number)) child++;
      const u = items[child] as number;
      if (!isBefore(keys, u, v)) break;
      items[i] = u;
      place[u] = i;
      i = child;
    }
    items[i] = v;
    place[v] = i;
  }

  #grow(): void {
    const larger = new Int32Array(this.#items.length * 2);
    larger.set(this.#items);
    this.#items = larger;
  }
}

function isBefore(keys: Float64Array, a: number, b: number): boolean {
  const ka = keys[a] as number;
  const kb = keys[b] as number;
  return ka > kb || (ka === kb && a < b);
}
