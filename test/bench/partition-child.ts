/**
 * One large partition in a process of its own, so that its memory is its own: `node partition-child.js PIECES MACHINES`.
 * Prints `{seconds, gigabytes, bottleneck, volume}`; `bottleneck` relative to the least that computing takes.
 */

import { partition } from '../../compiler/6-partition/partition.ts';
import { type Problem, uniformMachines } from '../../compiler/6-partition/problem.ts';
import { createRng } from '../../compiler/6-partition/rng.ts';

/** Tiles on a square, each needed by up to four others: nearly all near by, one in twenty anywhere. */
function tiles(count: number, machines: number): Problem {
  const { below } = createRng(1, 'tiles');
  const side = Math.ceil(Math.sqrt(count));
  const near = (x: number): number => Math.min(side - 1, Math.max(0, x + below(7) - 3));
  const work = Float64Array.from({ length: count }, () => 1e5 * (1 + below(3)));
  const pinStart = new Int32Array(count + 1);
  const pins = new Int32Array(4 * count);
  let size = 0;
  for (let v = 0; v < count; v++) {
    for (let i = 0; i < 4; i++) {
      const u = below(20) === 0 ? below(count) : near(Math.floor(v / side)) * side + near(v % side);
      if (u < count) pins[size++] = u;
    }
    pinStart[v + 1] = size;
  }
  const bytes = new Float64Array(count).fill(256);
  const hub = Int32Array.from({ length: count }, (_, v) => v);
  return {
    pieces: { count, work, memory: new Float64Array(count).fill(4096) },
    nets: { count, hub, pinStart, pins: pins.slice(0, size), out: bytes, back: bytes },
    machines: uniformMachines(machines),
  };
}

const problem = tiles(Number(process.argv[2]), Number(process.argv[3]));
const started = performance.now();
const result = partition(problem, { useAll: true });
const seconds = (performance.now() - started) / 1000;
if (result.kind === 'impossible') throw new Error(result.reason);
const gigabytes = process.resourceUsage().maxRSS / 1e6;
const { bottleneck, leastCompute, volume } = result.costs;
console.log(JSON.stringify({ seconds, gigabytes, bottleneck: bottleneck / leastCompute, volume }));
