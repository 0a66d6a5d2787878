/** A binary heap over vertices with keys that can be changed: the largest key first, the smaller vertex on a tie. */

export interface Heap {
  size(): number;
  has(vertex: number): boolean;
  /** Puts a vertex in, or changes its key. */
  set(vertex: number, key: number): void;
  remove(vertex: number): void;
  /** Key of a vertex that is in. */
  keyOf(vertex: number): number;
  /** Key of the first. */
  topKey(): number;
  /** Takes out the first; -1 when empty. */
  pop(): number;
  /** Costs as much as there is in it. */
  clear(): void;
}

export function createHeap(count: number): Heap {
  let items = new Int32Array(1024);
  const keys = new Float64Array(count);
  const place = new Int32Array(count).fill(-1);
  let size = 0;

  const before = (a: number, b: number): boolean => {
    const ka = keys[a] as number;
    const kb = keys[b] as number;
    return ka > kb || (ka === kb && a < b);
  };
  const up = (from: number): void => {
    let i = from;
    const v = items[i] as number;
    while (i > 0) {
      const above = (i - 1) >> 1;
      const u = items[above] as number;
      if (!before(v, u)) break;
      items[i] = u;
      place[u] = i;
      i = above;
    }
    items[i] = v;
    place[v] = i;
  };
  const down = (from: number): void => {
    let i = from;
    const v = items[i] as number;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= size) break;
      if (child + 1 < size && before(items[child + 1] as number, items[child] as number)) child++;
      const u = items[child] as number;
      if (!before(u, v)) break;
      items[i] = u;
      place[u] = i;
      i = child;
    }
    items[i] = v;
    place[v] = i;
  };
  const grow = (): void => {
    const larger = new Int32Array(items.length * 2);
    larger.set(items);
    items = larger;
  };
  const remove = (vertex: number): void => {
    const i = place[vertex] as number;
    if (i < 0) return;
    place[vertex] = -1;
    size--;
    if (i === size) return;
    const last = items[size] as number;
    items[i] = last;
    place[last] = i;
    up(i);
    down(place[last] as number);
  };
  return {
    size: () => size,
    has: (vertex) => (place[vertex] as number) >= 0,
    set(vertex, key) {
      const i = place[vertex] as number;
      if (i < 0) {
        if (size === items.length) grow();
        keys[vertex] = key;
        items[size] = vertex;
        up(size++);
        return;
      }
      const old = keys[vertex] as number;
      if (key === old) return;
      keys[vertex] = key;
      if (key > old) up(i);
      else down(i);
    },
    remove,
    keyOf: (vertex) => keys[vertex] as number,
    topKey: () => keys[items[0] as number] as number,
    pop() {
      if (size === 0) return -1;
      const top = items[0] as number;
      remove(top);
      return top;
    },
    clear() {
      for (let i = 0; i < size; i++) place[items[i] as number] = -1;
      size = 0;
    },
  };
}
