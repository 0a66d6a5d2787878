/** Where a vertex's nets draw it: the bytes that it saves on each machine. */
import type { Hypergraph } from './hypergraph.ts';
import type { PinCounts } from './pin-counts.ts';

/** Bytes by machine. Only machines that the vertex's nets touch, and its own, are listed: the first `count`. */
export interface Pull {
  readonly machines: Int32Array;
  readonly count: number;
  readonly pull: Float64Array;
}

export class Pulls implements Pull {
  readonly machines: Int32Array;
  count = 0;
  readonly pull: Float64Array;
  readonly #h: Hypergraph;
  readonly #part: Int32Array;
  readonly #pinCounts: PinCounts;
  readonly #machineCount: number;
  /** Which call last listed each machine. */
  readonly #listed: Int32Array;
  #calls = 0;
  /** Which net last found each machine. */
  readonly #stamp: Int32Array;
  #stamps = 0;

  constructor(h: Hypergraph, machineCount: number, part: Int32Array, pinCounts: PinCounts) {
    this.#h = h;
    this.#part = part;
    this.#pinCounts = pinCounts;
    this.#machineCount = machineCount;
    this.machines = new Int32Array(machineCount);
    this.pull = new Float64Array(machineCount);
    this.#listed = new Int32Array(machineCount);
    this.#stamp = new Int32Array(machineCount);
  }

  /** Looks at v: what is here is v's until the next call. */
  look(v: number): this {
    const { netStart, netsOf, hubStart, hubNets } = this.#h;
    for (let k = 0; k < this.count; k++) this.pull[this.machines[k] as number] = 0;
    this.count = 0;
    this.#calls++;
    this.#add(this.#part[v] as number, 0);
    for (let k = netStart[v] as number, last = netStart[v + 1] as number; k < last; k++)
      this.#addAsPin(v, netsOf[k] as number);
    for (let k = hubStart[v] as number, last = hubStart[v + 1] as number; k < last; k++)
      this.#addAsHub(hubNets[k] as number);
    return this;
  }

  /** Where the hub of net i or another pin is, the value is already. */
  #addAsPin(v: number, i: number): void {
    const { out, back, hub, pinStart, pins } = this.#h.nets;
    const { row, counts } = this.#pinCounts;
    const part = this.#part;
    const own = part[v] as number;
    const bytes = (out[i] as number) + (back[i] as number);
    const p = part[hub[i] as number] as number;
    const stamp = ++this.#stamps;
    this.#stamp[p] = stamp;
    this.#add(p, bytes);
    const at = row[i] as number;
    if (at >= 0) {
      for (let q = 0; q < this.#machineCount; q++) {
        const others = (counts[at + q] as number) - (q === own ? 1 : 0);
        if (others > 0 && q !== p) this.#add(q, bytes);
      }
      return;
    }
    for (let e = pinStart[i] as number, end = pinStart[i + 1] as number; e < end; e++) {
      const u = pins[e] as number;
      if (u === v) continue;
      const q = part[u] as number;
      if (this.#stamp[q] === stamp) continue;
      this.#stamp[q] = stamp;
      this.#add(q, bytes);
    }
  }

  #addAsHub(i: number): void {
    const { out, back, pinStart, pins } = this.#h.nets;
    const bytes = (out[i] as number) + (back[i] as number);
    const stamp = ++this.#stamps;
    for (let e = pinStart[i] as number, end = pinStart[i + 1] as number; e < end; e++) {
      const q = this.#part[pins[e] as number] as number;
      if (this.#stamp[q] === stamp) continue;
      this.#stamp[q] = stamp;
      this.#add(q, bytes);
    }
  }

  #add(machine: number, bytes: number): void {
    this.pull[machine] = (this.pull[machine] as number) + bytes;
    if (this.#listed[machine] === this.#calls) return;
    this.#listed[machine] = this.#calls;
    this.machines[this.count++] = machine;
  }
}
