/** Times of a GPU's kernels for NMC_DEBUG=2, by the GPU's own clock, summed over all runs. */
import type { KernelTiming } from '../../device/webgpu/profiler.ts';
import type { Log } from '../../support/log.ts';

interface Sum {
  runs: number;
  milliseconds: number;
  flops: number;
  bytes: number;
}

/** @returns what takes the timings of a run, and what prints them all, the longest first */
export function kernelTimes(log: Log): { add: (timings: readonly KernelTiming[]) => void; print: () => void } {
  const sums = new Map<string, Sum>();
  return {
    add: (timings) => {
      for (const t of timings) {
        const key = `${t.function} ${t.module}  ${t.serves}`;
        const sum = sums.get(key) ?? { runs: 0, milliseconds: 0, flops: 0, bytes: 0 };
        sum.runs++;
        sum.milliseconds += t.milliseconds;
        sum.flops += t.flops;
        sum.bytes += t.bytes;
        sums.set(key, sum);
      }
    },
    print: () => {
      for (const [key, { runs, milliseconds, flops, bytes }] of [...sums].sort(
        ([, a], [, b]) => b.milliseconds - a.milliseconds,
      )) {
        const rate = (amount: number): string => (milliseconds > 0 ? (amount / milliseconds / 1e6).toFixed(2) : '-');
        const each = `${runs} runs, ${(milliseconds / runs).toFixed(3)} ms each`;
        log.debug('timing', `${each}, ${rate(flops)} GFLOP/s, ${rate(bytes)} GB/s  ${key}`);
      }
    },
  };
}
