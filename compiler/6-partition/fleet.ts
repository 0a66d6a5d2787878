/** The machines as arrays, for the search. */
import type { Machines } from './problem.ts';

export interface Fleet {
  readonly count: number;
  readonly rate: Float64Array;
  readonly memory: Float64Array;
  readonly upload: Float64Array;
  readonly download: Float64Array;
  readonly latency: Float64Array | undefined;
  readonly bandwidth: Float64Array | undefined;
  /** Seconds of a processor for a byte that is sent or received, and for a frame: one end's half. */
  readonly frameByte: Float64Array;
  readonly frame: Float64Array;
  /** All alike and as far from each other: names can be exchanged freely. */
  readonly uniform: boolean;
}

export function fleetOf({ list, latency, bandwidth }: Machines): Fleet {
  const column = (key: 'rate' | 'memory' | 'upload' | 'download'): Float64Array =>
    Float64Array.from(list, (machine) => machine[key]);
  const [rate, memory, upload, download] = [column('rate'), column('memory'), column('upload'), column('download')];
  const half = (key: 'frame' | 'frameByte'): Float64Array =>
    Float64Array.from(list, ({ costs }) => (costs?.[key] ?? 0) / 2);
  const [frame, frameByte] = [half('frame'), half('frameByte')];
  const alike = [rate, memory, upload, download, frame, frameByte].every((values) =>
    values.every((value) => value === values[0]),
  );
  return {
    count: list.length,
    rate,
    memory,
    upload,
    download,
    latency,
    bandwidth,
    frame,
    frameByte,
    uniform: alike && !latency && !bandwidth,
  };
}

export function sum(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

/** `max(total work / total rate, largest work / fastest rate)`: no assignment computes a tick faster. */
export function leastCompute(work: Float64Array, { rate }: Fleet): number {
  let largest = 0;
  for (const w of work) largest = Math.max(largest, w);
  return Math.max(sum(work) / sum(rate), largest / rate.reduce((most, r) => Math.max(most, r), 0));
}

/** With more pieces a machine, whole pieces make no difference. */
const MAX_WHOLE = 64;

/**
 * A better bound for machines of one rate: of the j · K + 1 largest pieces some machine holds j + 1, at least the smallest
 * of them. So four pieces alike take two machines as long as three do.
 */
export function leastWithWholePieces(work: Float64Array, fleet: Fleet): number {
  const bound = leastCompute(work, fleet);
  const { rate, count } = fleet;
  if (!rate.every((r) => r === rate[0])) return bound;
  const sorted = work.slice().sort().reverse();
  let most = bound;
  for (let j = 1; j <= MAX_WHOLE && j * count < sorted.length; j++)
    most = Math.max(most, sum(sorted.subarray(j * count - j, j * count + 1)) / (rate[0] as number));
  return most;
}
