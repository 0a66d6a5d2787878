/**
 * An assignment with its costs kept up to date: what a move would change is summed over the nets of one vertex.
 *
 * The search minimises one number. Above all stand the squares of what is over: times over the cap, as shares of it, and
 * memory over the machine's, much heavier. Then come bytes that cross, weighted by the delay that they meet. With the cap
 * at the wanted bottleneck, a state with nothing over is one that keeps it.
 */
import type { Fleet } from './fleet.ts';
import type { Hypergraph } from './hypergraph.ts';

export interface State {
  readonly h: Hypergraph;
  readonly fleet: Fleet;
  readonly part: Int32Array;
  /** Of each machine: vertices, FLOP, bytes held, bytes sent and received. */
  readonly members: Int32Array;
  readonly work: Float64Array;
  readonly memory: Float64Array;
  readonly sent: Float64Array;
  readonly received: Float64Array;
  /** Change of the cost if v went to machine b. */
  delta(v: number, b: number): number;
  move(v: number, b: number): void;
  /** Wanted bottleneck, seconds. */
  setCap(seconds: number): void;
  /** The cost, counted anew from the machines' sums. */
  cost(): number;
  /** Whether machine p is over the cap or its memory. */
  isOver(p: number): boolean;
  /** Seconds of machine p: the largest of its three. */
  time(p: number): number;
  bottleneck(): number;
  /** Bytes over the machines' memories, in all. */
  overMemory(): number;
  volume(): number;
  staleness(): number;
  /**
   * Bytes that v saves on each machine: a move from a to b changes the volume by `pull[a] - pull[b]`. Only machines that
   * its nets touch, and v's own, are listed; the next call overwrites them.
   */
  pulls(v: number): { readonly machines: Int32Array; readonly count: number; readonly pull: Float64Array };
}

/** What is over counts so much more than what crosses. */
const OVER = 1e3;
const OVER_MEMORY = 1e6;
/** Delay against bytes: staleness comes first. */
const STALE = 10;
/** Nets with more pins keep a row of counts, one a machine. */
const SCANNED_PINS = 16;

/** @param part changed by moves */
export function createState(h: Hypergraph, fleet: Fleet, part: Int32Array): State {
  const K = fleet.count;
  const { nets, hubStart, hubNets, netStart, netsOf } = h;
  const { hub, pinStart, pins, out, back } = nets;
  const { latency, bandwidth } = fleet;
  const members = new Int32Array(K);
  const work = new Float64Array(K);
  const memory = new Float64Array(K);
  const sent = new Float64Array(K);
  const received = new Float64Array(K);
  const traffic = bandwidth ? new Float64Array(K * K) : undefined;
  let volume = 0;
  let staleness = 0;
  let cap = 1;

  // Counts of pins by machine, for nets with many pins.
  const scanned = Math.max(SCANNED_PINS, K >> 3);
  const row = new Int32Array(nets.count).fill(-1);
  let rows = 0;
  for (let i = 0; i < nets.count; i++)
    if ((pinStart[i + 1] as number) - (pinStart[i] as number) > scanned) row[i] = K * rows++;
  const counts = new Int32Array(rows * K);

  // Changes by the move that is looked at.
  const dSent = new Float64Array(K);
  const dReceived = new Float64Array(K);
  const touched = new Int32Array(K);
  const isTouched = new Uint8Array(K);
  let touches = 0;
  let dVolume = 0;
  let dStale = 0;
  const dTraffic = traffic ? new Float64Array(K * K) : undefined;
  const pairs: number[] = [];
  const stamp = new Int32Array(K);
  let stamps = 0;
  const pull = new Float64Array(K);
  const lists = new Int32Array(K);
  let listed = 0;
  const pulled = { machines: new Int32Array(K), count: 0, pull };

  const volumeScale = 1 / Math.max(scaleOf(h, K), 1e-300);
  const longest = latency ? latency.reduce((most, l) => Math.max(most, l), 0) : 0;
  const staleScale = longest > 0 ? (STALE * volumeScale) / longest : 0;

  for (let v = 0; v < h.count; v++) {
    const p = part[v] as number;
    members[p] = (members[p] as number) + 1;
    work[p] = (work[p] as number) + (h.work[v] as number);
    memory[p] = (memory[p] as number) + (h.memory[v] as number);
  }
  for (let i = 0; i < nets.count; i++) {
    const at = row[i] as number;
    stamps++;
    for (let e = pinStart[i] as number, end = pinStart[i + 1] as number; e < end; e++) {
      const q = part[pins[e] as number] as number;
      if (at >= 0) counts[at + q] = (counts[at + q] as number) + 1;
      if (stamp[q] === stamps) continue;
      stamp[q] = stamps;
      flow(part[hub[i] as number] as number, q, i, 1);
    }
  }
  applyFlows();

  /** Net i's traffic between its hub on machine p and machine q comes (sign 1) or goes (-1). */
  function flow(p: number, q: number, i: number, sign: number): void {
    if (p === q) return;
    if (isTouched[p] === 0) {
      isTouched[p] = 1;
      touched[touches++] = p;
    }
    if (isTouched[q] === 0) {
      isTouched[q] = 1;
      touched[touches++] = q;
    }
    const forth = sign * (out[i] as number);
    const home = sign * (back[i] as number);
    dSent[p] = (dSent[p] as number) + forth;
    dReceived[q] = (dReceived[q] as number) + forth;
    dSent[q] = (dSent[q] as number) + home;
    dReceived[p] = (dReceived[p] as number) + home;
    dVolume += forth + home;
    if (latency) dStale += forth * (latency[p * K + q] as number) + home * (latency[q * K + p] as number);
    if (dTraffic) {
      pairs.push(p * K + q, q * K + p);
      dTraffic[p * K + q] = (dTraffic[p * K + q] as number) + forth;
      dTraffic[q * K + p] = (dTraffic[q * K + p] as number) + home;
    }
  }

  /** Collects what a move of v from a to b changes in traffic. */
  function gather(v: number, a: number, b: number): void {
    for (let k = hubStart[v] as number, last = hubStart[v + 1] as number; k < last; k++) {
      const i = hubNets[k] as number;
      const at = row[i] as number;
      if (at >= 0) {
        for (let q = 0; q < K; q++)
          if ((counts[at + q] as number) > 0) {
            flow(a, q, i, -1);
            flow(b, q, i, 1);
          }
        continue;
      }
      stamps++;
      for (let e = pinStart[i] as number, end = pinStart[i + 1] as number; e < end; e++) {
        const q = part[pins[e] as number] as number;
        if (stamp[q] === stamps) continue;
        stamp[q] = stamps;
        flow(a, q, i, -1);
        flow(b, q, i, 1);
      }
    }
    for (let k = netStart[v] as number, last = netStart[v + 1] as number; k < last; k++) {
      const i = netsOf[k] as number;
      const p = part[hub[i] as number] as number;
      const at = row[i] as number;
      let inA = 0;
      let inB = 0;
      if (at >= 0) {
        inA = counts[at + a] as number;
        inB = counts[at + b] as number;
      } else {
        for (let e = pinStart[i] as number, end = pinStart[i + 1] as number; e < end; e++) {
          const q = part[pins[e] as number] as number;
          if (q === a) inA++;
          else if (q === b) inB++;
        }
      }
      if (inA === 1) flow(p, a, i, -1);
      if (inB === 0) flow(p, b, i, 1);
    }
  }

  function forget(): void {
    for (let k = 0; k < touches; k++) {
      const p = touched[k] as number;
      isTouched[p] = 0;
      dSent[p] = 0;
      dReceived[p] = 0;
    }
    if (dTraffic) for (const pair of pairs) dTraffic[pair] = 0;
    pairs.length = 0;
    touches = 0;
    dVolume = 0;
    dStale = 0;
  }

  function applyFlows(): void {
    for (let k = 0; k < touches; k++) {
      const p = touched[k] as number;
      sent[p] = (sent[p] as number) + (dSent[p] as number);
      received[p] = (received[p] as number) + (dReceived[p] as number);
    }
    if (traffic && dTraffic)
      for (const pair of pairs) {
        traffic[pair] = (traffic[pair] as number) + (dTraffic[pair] as number);
        dTraffic[pair] = 0;
      }
    volume += dVolume;
    staleness += dStale;
    forget();
  }

  const over = (seconds: number): number => {
    const share = seconds / cap - 1;
    return share > 0 ? share * share : 0;
  };
  /** What is over on machine p with these sums. */
  function overOf(p: number, w: number, m: number, s: number, r: number): number {
    const most = fleet.memory[p] as number;
    const spill = m > most ? (OVER_MEMORY * (m - most)) / Math.max(most, 1) : 0;
    return (
      spill +
      over(w / (fleet.rate[p] as number)) +
      over(s / (fleet.upload[p] as number)) +
      over(r / (fleet.download[p] as number))
    );
  }
  const overNow = (p: number): number =>
    overOf(p, work[p] as number, memory[p] as number, sent[p] as number, received[p] as number);

  function linkDelta(): number {
    if (!traffic || !dTraffic || !bandwidth) return 0;
    let sum = 0;
    for (const pair of pairs) {
      const change = dTraffic[pair] as number;
      if (change === 0) continue;
      const speed = bandwidth[pair] as number;
      sum += over(((traffic[pair] as number) + change) / speed) - over((traffic[pair] as number) / speed);
      dTraffic[pair] = 0; // a pair may stand here twice
    }
    return sum;
  }

  const time = (p: number): number =>
    Math.max(
      (work[p] as number) / (fleet.rate[p] as number),
      (sent[p] as number) / (fleet.upload[p] as number),
      (received[p] as number) / (fleet.download[p] as number),
    );

  return {
    h,
    fleet,
    part,
    members,
    work,
    memory,
    sent,
    received,
    delta(v, b) {
      const a = part[v] as number;
      if (a === b) return 0;
      gather(v, a, b);
      const w = h.work[v] as number;
      const m = h.memory[v] as number;
      let change = 0;
      for (const p of [a, b])
        if (isTouched[p] === 0) {
          isTouched[p] = 1;
          touched[touches++] = p;
        }
      for (let k = 0; k < touches; k++) {
        const p = touched[k] as number;
        const sign = p === a ? -1 : p === b ? 1 : 0;
        change +=
          overOf(
            p,
            (work[p] as number) + sign * w,
            (memory[p] as number) + sign * m,
            (sent[p] as number) + (dSent[p] as number),
            (received[p] as number) + (dReceived[p] as number),
          ) - overNow(p);
      }
      const cost = OVER * (change + linkDelta()) + volumeScale * dVolume + staleScale * dStale;
      forget();
      return cost;
    },
    move(v, b) {
      const a = part[v] as number;
      if (a === b) return;
      gather(v, a, b);
      applyFlows();
      for (let k = netStart[v] as number, last = netStart[v + 1] as number; k < last; k++) {
        const at = row[netsOf[k] as number] as number;
        if (at < 0) continue;
        counts[at + a] = (counts[at + a] as number) - 1;
        counts[at + b] = (counts[at + b] as number) + 1;
      }
      const w = h.work[v] as number;
      const m = h.memory[v] as number;
      members[a] = (members[a] as number) - 1;
      members[b] = (members[b] as number) + 1;
      work[a] = (work[a] as number) - w;
      work[b] = (work[b] as number) + w;
      memory[a] = (memory[a] as number) - m;
      memory[b] = (memory[b] as number) + m;
      part[v] = b;
    },
    setCap(seconds) {
      cap = Math.max(seconds, 1e-300);
    },
    cost() {
      let sum = 0;
      for (let p = 0; p < K; p++) sum += overNow(p);
      if (traffic && bandwidth)
        for (let pair = 0; pair < traffic.length; pair++)
          if ((traffic[pair] as number) > 0) sum += over((traffic[pair] as number) / (bandwidth[pair] as number));
      return OVER * sum + volumeScale * volume + staleScale * staleness;
    },
    isOver: (p) => overNow(p) > 0,
    time,
    bottleneck() {
      let most = 0;
      for (let p = 0; p < K; p++) most = Math.max(most, time(p));
      if (traffic && bandwidth)
        for (let pair = 0; pair < traffic.length; pair++)
          if ((traffic[pair] as number) > 0)
            most = Math.max(most, (traffic[pair] as number) / (bandwidth[pair] as number));
      return most;
    },
    overMemory() {
      let sum = 0;
      for (let p = 0; p < K; p++) sum += Math.max(0, (memory[p] as number) - (fleet.memory[p] as number));
      return sum;
    },
    volume: () => volume,
    staleness: () => staleness,
    pulls(v) {
      for (let k = 0; k < pulled.count; k++) pull[pulled.machines[k] as number] = 0;
      let found = 0;
      const own = part[v] as number;
      listed++;
      lists[own] = listed;
      pulled.machines[found++] = own;
      for (let k = netStart[v] as number, last = netStart[v + 1] as number; k < last; k++) {
        const i = netsOf[k] as number;
        const bytes = (out[i] as number) + (back[i] as number);
        // Where the hub or another pin is, the value is already.
        const p = part[hub[i] as number] as number;
        stamps++;
        stamp[p] = stamps;
        pull[p] = (pull[p] as number) + bytes;
        if (lists[p] !== listed) {
          lists[p] = listed;
          pulled.machines[found++] = p;
        }
        const at = row[i] as number;
        if (at >= 0) {
          for (let q = 0; q < K; q++) {
            const others = (counts[at + q] as number) - (q === own ? 1 : 0);
            if (others <= 0 || q === p) continue;
            pull[q] = (pull[q] as number) + bytes;
            if (lists[q] === listed) continue;
            lists[q] = listed;
            pulled.machines[found++] = q;
          }
          continue;
        }
        for (let e = pinStart[i] as number, end = pinStart[i + 1] as number; e < end; e++) {
          const u = pins[e] as number;
          if (u === v) continue;
          const q = part[u] as number;
          if (stamp[q] === stamps) continue;
          stamp[q] = stamps;
          pull[q] = (pull[q] as number) + bytes;
          if (lists[q] === listed) continue;
          lists[q] = listed;
          pulled.machines[found++] = q;
        }
      }
      for (let k = hubStart[v] as number, last = hubStart[v + 1] as number; k < last; k++) {
        const i = hubNets[k] as number;
        const bytes = (out[i] as number) + (back[i] as number);
        stamps++;
        for (let e = pinStart[i] as number, end = pinStart[i + 1] as number; e < end; e++) {
          const q = part[pins[e] as number] as number;
          if (stamp[q] === stamps) continue;
          stamp[q] = stamps;
          pull[q] = (pull[q] as number) + bytes;
          if (lists[q] === listed) continue;
          lists[q] = listed;
          pulled.machines[found++] = q;
        }
      }
      pulled.count = found;
      return pulled;
    },
  };
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
