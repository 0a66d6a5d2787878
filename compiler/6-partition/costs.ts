/** Cost of an assignment, counted from nothing. */
import { fleetOf, leastCompute } from './fleet.ts';
import type { Costs, Limit, MachineCosts, Problem } from './problem.ts';

/** @param part machine of every piece */
export function measureCosts(problem: Problem, part: Int32Array): Costs {
  const { pieces, machines } = problem;
  const K = machines.list.length;
  const traffic = trafficOf(problem, part);
  const tally = { pieces: new Int32Array(K), work: new Float64Array(K), memory: new Float64Array(K) };
  for (let v = 0; v < pieces.count; v++) {
    const p = part[v] as number;
    tally.pieces[p] = (tally.pieces[p] as number) + 1;
    tally.work[p] = (tally.work[p] as number) + (pieces.work[v] as number);
    tally.memory[p] = (tally.memory[p] as number) + (pieces.memory[v] as number);
  }
  const fleet = fleetOf(machines);
  const costs = machines.list.map((machine, p): MachineCosts => {
    let sent = 0;
    let received = 0;
    let count = 0;
    for (let q = 0; q < K; q++) {
      const [out, back] = [traffic[p * K + q] as number, traffic[q * K + p] as number];
      sent += out;
      received += back;
      count += Number(out > 0) + Number(back > 0);
    }
    const frames = count * (fleet.frame[p] as number) + (sent + received) * (fleet.frameByte[p] as number);
    const work = tally.work[p] as number;
    return {
      pieces: tally.pieces[p] as number,
      work,
      memory: tally.memory[p] as number,
      sent,
      received,
      frames,
      compute: work / machine.rate + frames,
      up: sent / machine.upload,
      down: received / machine.download,
    };
  });
  let worst: { bottleneck: number; limit: Limit; machine: number; receiver?: number } = {
    bottleneck: 0,
    limit: 'compute',
    machine: 0,
  };
  const meet = (seconds: number, limit: Limit, machine: number, receiver?: number): void => {
    if (seconds > worst.bottleneck)
      worst = { bottleneck: seconds, limit, machine, ...(receiver === undefined ? {} : { receiver }) };
  };
  for (const [p, { compute, up, down }] of costs.entries()) {
    meet(compute, 'compute', p);
    meet(up, 'upload', p);
    meet(down, 'download', p);
  }
  let staleness = 0;
  let delay = 0;
  let volume = 0;
  let messages = 0;
  for (let pair = 0; pair < traffic.length; pair++) {
    const bytes = traffic[pair] as number;
    if (bytes === 0) continue;
    volume += bytes;
    messages++;
    const late = machines.latency?.[pair] ?? 0;
    staleness += bytes * late;
    delay = Math.max(delay, late);
    if (machines.bandwidth) meet(bytes / (machines.bandwidth[pair] as number), 'link', Math.floor(pair / K), pair % K);
  }
  const least = leastCompute(pieces.work, fleet);
  return { machines: costs, ...worst, staleness, delay, volume, messages, traffic, leastCompute: least };
}

/** Bytes per tick from machine a to machine b at a * K + b: each value once for each machine that needs it. */
function trafficOf({ nets, machines }: Problem, part: Int32Array): Float64Array {
  const K = machines.list.length;
  const traffic = new Float64Array(K * K);
  const seen = new Int32Array(K).fill(-1);
  for (let i = 0; i < nets.count; i++) {
    const p = part[nets.hub[i] as number] as number;
    for (let e = nets.pinStart[i] as number, end = nets.pinStart[i + 1] as number; e < end; e++) {
      const q = part[nets.pins[e] as number] as number;
      if (q === p || seen[q] === i) continue;
      seen[q] = i;
      traffic[p * K + q] = (traffic[p * K + q] as number) + (nets.out[i] as number);
      traffic[q * K + p] = (traffic[q * K + p] as number) + (nets.back[i] as number);
    }
  }
  return traffic;
}
