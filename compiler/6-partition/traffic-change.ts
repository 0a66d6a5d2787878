/** Changes that a possible move would make to the bytes that machines send and receive. */
import type { Fleet } from './fleet.ts';
import type { Hypergraph } from './hypergraph.ts';
import type { PinCounts } from './pin-counts.ts';

export class TrafficChange {
  /** Bytes by which each machine would send and receive more. */
  readonly sent: Float64Array;
  readonly received: Float64Array;
  /** Bytes by machines `from * K + to`, where the fleet knows its bandwidths. */
  readonly traffic: Float64Array | undefined;
  /** Indices of `traffic` that changed; one may stand here twice. */
  readonly pairs: number[] = [];
  /** Machines that changed: the first `touches` of them. */
  readonly touched: Int32Array;
  touches = 0;
  /** Bytes, and bytes times seconds of delay. */
  volume = 0;
  staleness = 0;
  readonly #h: Hypergraph;
  readonly #part: Int32Array;
  readonly #pinCounts: PinCounts;
  readonly #machines: number;
  readonly #latency: Float64Array | undefined;
  readonly #isTouched: Uint8Array;
  /** Which net last found each machine. */
  readonly #stamp: Int32Array;
  #stamps = 0;

  constructor(h: Hypergraph, fleet: Fleet, part: Int32Array, pinCounts: PinCounts) {
    const K = fleet.count;
    this.#h = h;
    this.#part = part;
    this.#pinCounts = pinCounts;
    this.#machines = K;
    this.#latency = fleet.latency;
    this.sent = new Float64Array(K);
    this.received = new Float64Array(K);
    this.traffic = fleet.bandwidth ? new Float64Array(K * K) : undefined;
    this.touched = new Int32Array(K);
    this.#isTouched = new Uint8Array(K);
    this.#stamp = new Int32Array(K);
  }

  touch(p: number): void {
    if (this.#isTouched[p] !== 0) return;
    this.#isTouched[p] = 1;
    this.touched[this.touches++] = p;
  }

  /** Adds all traffic of the assignment as it is. */
  gatherAll(): void {
    const { count, hub, pinStart, pins } = this.#h.nets;
    const part = this.#part;
    for (let i = 0; i < count; i++) {
      const p = part[hub[i] as number] as number;
      const stamp = ++this.#stamps;
      for (let e = pinStart[i] as number, end = pinStart[i + 1] as number; e < end; e++) {
        const q = part[pins[e] as number] as number;
        if (this.#stamp[q] === stamp) continue;
        this.#stamp[q] = stamp;
        this.#flow(p, q, i, 1);
      }
    }
  }

  /** Adds what a move of v from machine a to machine b changes. */
  gather(v: number, a: number, b: number): void {
    const { hubStart, hubNets, netStart, netsOf, nets } = this.#h;
    const pinCounts = this.#pinCounts;
    for (let k = hubStart[v] as number, last = hubStart[v + 1] as number; k < last; k++)
      this.#moveHub(hubNets[k] as number, a, b);
    for (let k = netStart[v] as number, last = netStart[v + 1] as number; k < last; k++) {
      const i = netsOf[k] as number;
      const p = this.#part[nets.hub[i] as number] as number;
      if (pinCounts.of(i, a) === 1) this.#flow(p, a, i, -1);
      if (pinCounts.of(i, b) === 0) this.#flow(p, b, i, 1);
    }
  }

  /** Adds what changes when the hub of net i goes from machine a to machine b. */
  #moveHub(i: number, a: number, b: number): void {
    const { pinStart, pins } = this.#h.nets;
    const { row, counts } = this.#pinCounts;
    const at = row[i] as number;
    if (at >= 0) {
      for (let q = 0; q < this.#machines; q++)
        if ((counts[at + q] as number) > 0) {
          this.#flow(a, q, i, -1);
          this.#flow(b, q, i, 1);
        }
      return;
    }
    const stamp = ++this.#stamps;
    for (let e = pinStart[i] as number, end = pinStart[i + 1] as number; e < end; e++) {
      const q = this.#part[pins[e] as number] as number;
      if (this.#stamp[q] === stamp) continue;
      this.#stamp[q] = stamp;
      this.#flow(a, q, i, -1);
      this.#flow(b, q, i, 1);
    }
  }

  /** Net i's traffic between its hub on machine p and machine q comes (sign 1) or goes (-1). */
  #flow(p: number, q: number, i: number, sign: number): void {
    if (p === q) return;
    this.touch(p);
    this.touch(q);
    const { sent, received, traffic } = this;
    const { out, back } = this.#h.nets;
    const forth = sign * (out[i] as number);
    const home = sign * (back[i] as number);
    sent[p] = (sent[p] as number) + forth;
    received[q] = (received[q] as number) + forth;
    sent[q] = (sent[q] as number) + home;
    received[p] = (received[p] as number) + home;
    this.volume += forth + home;
    const latency = this.#latency;
    const K = this.#machines;
    if (latency) this.staleness += forth * (latency[p * K + q] as number) + home * (latency[q * K + p] as number);
    if (traffic) {
      this.pairs.push(p * K + q, q * K + p);
      traffic[p * K + q] = (traffic[p * K + q] as number) + forth;
      traffic[q * K + p] = (traffic[q * K + p] as number) + home;
    }
  }

  forget(): void {
    for (let k = 0; k < this.touches; k++) {
      const p = this.touched[k] as number;
      this.#isTouched[p] = 0;
      this.sent[p] = 0;
      this.received[p] = 0;
    }
    if (this.traffic) for (const pair of this.pairs) this.traffic[pair] = 0;
    this.pairs.length = 0;
    this.touches = 0;
    this.volume = 0;
    this.staleness = 0;
  }
}
