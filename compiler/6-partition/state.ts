/**
 * An assignment with its costs kept up to date: what a move would change is summed over the nets of one vertex.
 *
 * The search minimises one number. Above all stand the squares of what is over: times over the cap, as shares of it,
 * and memory over the machine's, much heavier. Then come bytes that cross, weighted by the delay that they meet. With
 * the cap at the wanted bottleneck, a state with nothing over is one that keeps it.
 */
import type { Fleet } from './fleet.ts';
import type { Hypergraph } from './hypergraph.ts';
import { PinCounts } from './pin-counts.ts';
import { type Pull, Pulls } from './pulls.ts';
import { TrafficChange } from './traffic-change.ts';

/** The weight of excess load against bytes that cross. */
const OVER = 1e3;
const OVER_MEMORY = 1e6;
/** Delay against bytes: staleness comes first. */
const STALE = 10;

export class State {
  readonly h: Hypergraph;
  readonly fleet: Fleet;
  readonly part: Int32Array;
  /** Of each machine: vertices, FLOP, bytes held, bytes sent and received. */
  readonly members: Int32Array;
  readonly work: Float64Array;
  readonly memory: Float64Array;
  readonly sent: Float64Array;
  readonly received: Float64Array;
  /** Bytes by machines `from * K + to`, where the fleet knows its bandwidths. */
  readonly #traffic: Float64Array | undefined;
  readonly #pinCounts: PinCounts;
  readonly #change: TrafficChange;
  readonly #pulls: Pulls;
  readonly #volumeScale: number;
  readonly #staleScale: number;
  #volume = 0;
  #staleness = 0;
  /** Wanted bottleneck, seconds. */
  #cap = 1;

  /** @param part changed by moves */
  constructor(h: Hypergraph, fleet: Fleet, part: Int32Array) {
    const K = fleet.count;
    this.h = h;
    this.fleet = fleet;
    this.part = part;
    this.members = new Int32Array(K);
    this.work = new Float64Array(K);
    this.memory = new Float64Array(K);
    this.sent = new Float64Array(K);
    this.received = new Float64Array(K);
    this.#traffic = fleet.bandwidth ? new Float64Array(K * K) : undefined;
    this.#pinCounts = new PinCounts(h, K, part);
    this.#change = new TrafficChange(h, fleet, part, this.#pinCounts);
    this.#pulls = new Pulls(h, K, part, this.#pinCounts);
    this.#volumeScale = 1 / Math.max(scaleOf(h, K), 1e-300);
    const longest = fleet.latency?.reduce((most, l) => Math.max(most, l), 0) ?? 0;
    this.#staleScale = longest > 0 ? (STALE * this.#volumeScale) / longest : 0;
    for (let v = 0; v < h.count; v++) this.#hold(part[v] as number, v, 1);
    this.#change.gatherAll();
    this.#applyChange();
  }

  /** Change of the cost if v went to machine b. */
  delta(v: number, b: number): number {
    const a = this.part[v] as number;
    if (a === b) return 0;
    const change = this.#change;
    change.gather(v, a, b);
    const w = this.h.work[v] as number;
    const m = this.h.memory[v] as number;
    change.touch(a);
    change.touch(b);
    let over = 0;
    for (let k = 0; k < change.touches; k++) {
      const p = change.touched[k] as number;
      const sign = p === a ? -1 : p === b ? 1 : 0;
      over +=
        this.#overOf(
          p,
          (this.work[p] as number) + sign * w,
          (this.memory[p] as number) + sign * m,
          (this.sent[p] as number) + (change.sent[p] as number),
          (this.received[p] as number) + (change.received[p] as number),
        ) - this.#overNow(p);
    }
    const cost =
      OVER * (over + this.#linkDelta()) + this.#volumeScale * change.volume + this.#staleScale * change.staleness;
    change.forget();
    return cost;
  }

  move(v: number, b: number): void {
    const a = this.part[v] as number;
    if (a === b) return;
    this.#change.gather(v, a, b);
    this.#applyChange();
    this.#pinCounts.move(v, a, b);
    this.#hold(a, v, -1);
    this.#hold(b, v, 1);
    this.part[v] = b;
  }

  /** @param seconds wanted bottleneck */
  setCap(seconds: number): void {
    this.#cap = Math.max(seconds, 1e-300);
  }

  /** The cost, counted anew from the machines' sums. */
  cost(): number {
    const { count, bandwidth } = this.fleet;
    const traffic = this.#traffic;
    let sum = 0;
    for (let p = 0; p < count; p++) sum += this.#overNow(p);
    if (traffic && bandwidth)
      for (let pair = 0; pair < traffic.length; pair++)
        if ((traffic[pair] as number) > 0) sum += this.#over((traffic[pair] as number) / (bandwidth[pair] as number));
    return OVER * sum + this.#volumeScale * this.#volume + this.#staleScale * this.#staleness;
  }

  /** Whether machine p is over the cap or its memory. */
  isOver(p: number): boolean {
    return this.#overNow(p) > 0;
  }

  /** Seconds of machine p: the largest of its three. */
  time(p: number): number {
    const { rate, upload, download, frameByte } = this.fleet;
    const bytes = (this.sent[p] as number) + (this.received[p] as number);
    return Math.max(
      (this.work[p] as number) / (rate[p] as number) + bytes * (frameByte[p] as number),
      (this.sent[p] as number) / (upload[p] as number),
      (this.received[p] as number) / (download[p] as number),
    );
  }

  bottleneck(): number {
    const { count, bandwidth } = this.fleet;
    const traffic = this.#traffic;
    let most = 0;
    for (let p = 0; p < count; p++) most = Math.max(most, this.time(p));
    if (traffic && bandwidth)
      for (let pair = 0; pair < traffic.length; pair++)
        if ((traffic[pair] as number) > 0)
          most = Math.max(most, (traffic[pair] as number) / (bandwidth[pair] as number));
    return most;
  }

  /** Bytes over the machines' memories, in all. */
  overMemory(): number {
    const { count, memory } = this.fleet;
    let sum = 0;
    for (let p = 0; p < count; p++) sum += Math.max(0, (this.memory[p] as number) - (memory[p] as number));
    return sum;
  }

  volume(): number {
    return this.#volume;
  }

  staleness(): number {
    return this.#staleness;
  }

  /**
   * Bytes that v saves on each machine: a move from a to b changes the volume by `pull[a] - pull[b]`. The next call
   * overwrites them.
   */
  pulls(v: number): Pull {
    return this.#pulls.look(v);
  }

  /** Vertex v comes to machine p (sign 1) or leaves it (-1). */
  #hold(p: number, v: number, sign: number): void {
    this.members[p] = (this.members[p] as number) + sign;
    this.work[p] = (this.work[p] as number) + sign * (this.h.work[v] as number);
    this.memory[p] = (this.memory[p] as number) + sign * (this.h.memory[v] as number);
  }

  #applyChange(): void {
    const change = this.#change;
    for (let k = 0; k < change.touches; k++) {
      const p = change.touched[k] as number;
      this.sent[p] = (this.sent[p] as number) + (change.sent[p] as number);
      this.received[p] = (this.received[p] as number) + (change.received[p] as number);
    }
    const traffic = this.#traffic;
    if (traffic && change.traffic)
      for (const pair of change.pairs) {
        traffic[pair] = (traffic[pair] as number) + (change.traffic[pair] as number);
        change.traffic[pair] = 0; // a pair may stand here twice
      }
    this.#volume += change.volume;
    this.#staleness += change.staleness;
    change.forget();
  }

  #over(seconds: number): number {
    const share = seconds / this.#cap - 1;
    return share > 0 ? share * share : 0;
  }

  /** The excess on machine p with this work, memory, and bytes sent and received. */
  #overOf(p: number, w: number, m: number, s: number, r: number): number {
    const { memory, rate, upload, download, frameByte } = this.fleet;
    const most = memory[p] as number;
    const spill = m > most ? (OVER_MEMORY * (m - most)) / Math.max(most, 1) : 0;
    return (
      spill +
      this.#over(w / (rate[p] as number) + (s + r) * (frameByte[p] as number)) +
      this.#over(s / (upload[p] as number)) +
      this.#over(r / (download[p] as number))
    );
  }

  #overNow(p: number): number {
    return this.#overOf(
      p,
      this.work[p] as number,
      this.memory[p] as number,
      this.sent[p] as number,
      this.received[p] as number,
    );
  }

  #linkDelta(): number {
    const { bandwidth } = this.fleet;
    const traffic = this.#traffic;
    const { pairs, traffic: changes } = this.#change;
    if (!traffic || !changes || !bandwidth) return 0;
    let sum = 0;
    for (const pair of pairs) {
      const change = changes[pair] as number;
      if (change === 0) continue;
      const speed = bandwidth[pair] as number;
      sum += this.#over(((traffic[pair] as number) + change) / speed) - this.#over((traffic[pair] as number) / speed);
      changes[pair] = 0; // a pair may stand here twice
    }
    return sum;
  }
}

/** Bytes if every net crossed to every machine it could. */
function scaleOf({ nets }: Hypergraph, K: number): number {
  let sum = 0;
  for (let i = 0; i < nets.count; i++) {
    const pins = (nets.pinStart[i + 1] as number) - (nets.pinStart[i] as number);
    sum += ((nets.out[i] as number) + (nets.back[i] as number)) * Math.min(pins, K - 1);
  }
  return sum;
}
