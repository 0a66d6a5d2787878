/** How many pins of each net lie on each machine: counted ahead for nets with many pins, scanned for others. */
import type { Hypergraph } from './hypergraph.ts';

/** Nets with more pins keep a row of counts, one a machine. */
const MAX_SCANNED_PINS = 16;

export class PinCounts {
  /** Where the row of each net begins in `counts`; -1: its pins are scanned. */
  readonly row: Int32Array;
  readonly counts: Int32Array;
  readonly #h: Hypergraph;
  readonly #part: Int32Array;

  constructor(h: Hypergraph, machines: number, part: Int32Array) {
    const { count, pinStart, pins } = h.nets;
    const scanned = Math.max(MAX_SCANNED_PINS, machines >> 3);
    this.row = new Int32Array(count).fill(-1);
    let rows = 0;
    for (let i = 0; i < count; i++)
      if ((pinStart[i + 1] as number) - (pinStart[i] as number) > scanned) this.row[i] = machines * rows++;
    this.counts = new Int32Array(rows * machines);
    this.#h = h;
    this.#part = part;
    for (let i = 0; i < count; i++) {
      const at = this.row[i] as number;
      if (at < 0) continue;
      for (let e = pinStart[i] as number, end = pinStart[i + 1] as number; e < end; e++)
        this.#add(at + (part[pins[e] as number] as number), 1);
    }
  }

  /** Pins of net i on machine p. */
  of(i: number, p: number): number {
    const at = this.row[i] as number;
    if (at >= 0) return this.counts[at + p] as number;
    const { pinStart, pins } = this.#h.nets;
    const part = this.#part;
    let found = 0;
    for (let e = pinStart[i] as number, end = pinStart[i + 1] as number; e < end; e++)
      if (part[pins[e] as number] === p) found++;
    return found;
  }

  /** Follows a move of v from machine a to machine b. */
  move(v: number, a: number, b: number): void {
    const { netStart, netsOf } = this.#h;
    for (let k = netStart[v] as number, last = netStart[v + 1] as number; k < last; k++) {
      const at = this.row[netsOf[k] as number] as number;
      if (at < 0) continue;
      this.#add(at + a, -1);
      this.#add(at + b, 1);
    }
  }

  #add(at: number, n: number): void {
    this.counts[at] = (this.counts[at] as number) + n;
  }
}
