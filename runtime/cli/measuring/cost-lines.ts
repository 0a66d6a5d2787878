/** Costs of a machine, in words for people. */
import type { Costs } from '../../../spec/costs.ts';

export function costLines(costs: Costs): string[] {
  const { call, run = call, frame, frameByte, flop, stateByte, speedup, flush } = costs;
  return [
    `one thread: ${rate(1 / flop / 1e9)} GFLOP/s on small products; all together ${speedup.toFixed(2)} times as fast`,
    `a run ${microseconds(call)}, among shards ${microseconds(run)}; a frame ${microseconds(frame)} and its bytes at ${rate(1 / frameByte / 1e6)} MB/s`,
    `states read and hashed at ${rate(1 / stateByte / 1e6)} MB/s${flush === undefined ? '' : `, kept on the disk in ${microseconds(flush)}`}`,
  ];
}

const microseconds = (seconds: number): string => `${Number((seconds * 1e6).toPrecision(3))} µs`;
const rate = (perSecond: number): string =>
  Number.isFinite(perSecond) ? String(Number(perSecond.toPrecision(3))) : '?';
