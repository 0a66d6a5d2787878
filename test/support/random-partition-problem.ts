/** Seeded problems for the partitioner: small networks with hubs and fan-out, machines that differ. */

import type { Machine, Problem } from '../../compiler/6-partition/problem.ts';
import { createRng } from '../../compiler/6-partition/rng.ts';

export interface Shape {
  readonly pieces: number;
  readonly machines: number;
  /** Pins of a net at most. */
  readonly pins?: number;
  /** Machines alike, without bounds on traffic. */
  readonly uniform?: boolean;
  /** Whether pairs of machines have bandwidths and delays of their own. */
  readonly links?: boolean;
  /** Share of all memory that the pieces need; without it, memory is not a bound. */
  readonly memoryUse?: number;
}

/** Whole numbers everywhere, so that sums in any order are the same. */
export function randomProblem(seed: number, shape: Shape): Problem {
  const { pieces: count, machines: K, pins: mostPins = 3 } = shape;
  const { below } = createRng(seed, 'random-problem');
  const work = Float64Array.from({ length: count }, () => 1 + below(10));
  const memory = Float64Array.from({ length: count }, () => 1 + below(10));
  const hub: number[] = [];
  const pins: number[] = [];
  const pinStart = [0];
  const out: number[] = [];
  const back: number[] = [];
  for (let v = 0; v < count; v++) {
    if (below(5) === 0) continue;
    hub.push(v);
    // Mostly near by, sometimes anywhere; now and then itself or the same one twice.
    for (let i = 1 + below(mostPins); i > 0; i--) pins.push(below(4) > 0 ? (v + 1 + below(3)) % count : below(count));
    pinStart.push(pins.length);
    out.push(1 + below(8));
    back.push(below(3) === 0 ? 0 : 1 + below(8));
  }
  const needed = memory.reduce((a, b) => a + b, 0);
  const memoryOf = (): number =>
    shape.memoryUse === undefined ? Infinity : Math.ceil((needed / shape.memoryUse / K) * (0.8 + below(5) / 10));
  const machine = (i: number): Machine =>
    shape.uniform
      ? { name: `m${i}`, rate: 1, memory: Infinity, upload: Infinity, download: Infinity }
      : { name: `m${i}`, rate: 1 + below(8), memory: memoryOf(), upload: 1 + below(12), download: 2 + below(20) };
  const matrix = (make: () => number): Float64Array => Float64Array.from({ length: K * K }, make);
  return {
    pieces: { count, work, memory },
    nets: {
      count: hub.length,
      hub: Int32Array.from(hub),
      pinStart: Int32Array.from(pinStart),
      pins: Int32Array.from(pins),
      out: Float64Array.from(out),
      back: Float64Array.from(back),
    },
    machines: {
      list: Array.from({ length: K }, (_, i) => machine(i)),
      ...(shape.links ? { latency: matrix(() => below(50)), bandwidth: matrix(() => 1 + below(10)) } : {}),
    },
  };
}
