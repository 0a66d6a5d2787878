/**
 * Questions to the partitioner and its answers: pieces of a network with their work and memory, the values that
 * pieces need of each other, and the machines. Plain typed arrays, so that a million pieces fit.
 */

import type { Costs as MachineCost } from '../../spec/costs.ts';

/** Cost of a tick on each piece, and the ties between pieces and to machines. */
export interface Pieces {
  readonly count: number;
  /** FLOP per tick, [count], finite and >= 0. */
  readonly work: Float64Array;
  /** Bytes, [count], finite and >= 0. */
  readonly memory: Float64Array;
  /**
   * Pieces of the same number stay together, [count]; -1: bound to no other piece. Numbers may be any integers >= 0.
   */
  readonly keepTogether?: Int32Array;
  /** Index of the machine that a piece must be on, [count]; -1: anywhere. */
  readonly pinned?: Int32Array;
  /**
   * Cluster of each piece, [count]; -1: a cluster of its own. Only boundaries of clusters are cut, except in clusters
   * too large for one machine's share: numbers may be any integers >= 0.
   */
  readonly cluster?: Int32Array;
}

/**
 * Values that cross borders. Net i is the value of its hub, needed by its pins `pins[pinStart[i] .. pinStart[i+1])`.
 * Each tick `out[i]` bytes go from the hub's machine to each *other* machine that holds a pin, once however many pins
 * are there; `back[i]` bytes (the pins' errors, summed per machine) return from each of those to the hub's machine.
 */
export interface Nets {
  readonly count: number;
  /** Piece that holds the value, [count]. */
  readonly hub: Int32Array;
  /** [count + 1], ascending from 0 to pins.length. */
  readonly pinStart: Int32Array;
  /** Pieces; repeated ones and the hub itself count once, as does any piece on the hub's machine: not at all. */
  readonly pins: Int32Array;
  /** Bytes per tick from the hub to each other machine, [count]. */
  readonly out: Float64Array;
  /** Bytes per tick from each other machine to the hub, [count]. */
  readonly back: Float64Array;
}

/** A machine for one shard. `Infinity` where it has no bound. */
export interface Machine {
  readonly name: string;
  /** FLOP per second, > 0. */
  readonly rate: number;
  /** Bytes, >= 0. */
  readonly memory: number;
  /** Bytes per second out of and into the machine, > 0. */
  readonly upload: number;
  readonly download: number;
  /** Cost of frames there beside the work, where it has been measured; absent: nothing. */
  readonly costs?: MachineCost;
  readonly cores?: number;
}

export interface Machines {
  readonly list: readonly Machine[];
  /** No mesh file names them: predictions are of the default machine. */
  readonly assumed?: boolean;
  /** Seconds one way from machine a to machine b at `a * K + b`; without it, borders have no delay. */
  readonly latency?: Float64Array;
  /** Bytes per second from machine a to machine b at `a * K + b`; without it, only upload and download bind. */
  readonly bandwidth?: Float64Array;
}

export interface Problem {
  readonly pieces: Pieces;
  readonly nets: Nets;
  readonly machines: Machines;
}

export interface PartitionOptions {
  /** Same seed, same problem: same parts, on every machine. Default 0. */
  readonly seed?: number;
  /** Starts from which the best is kept; default 8, fewer for large problems. */
  readonly starts?: number;
  /** Every machine gets at least one piece; default false: a machine that only slows the others down stays empty. */
  readonly useAll?: boolean;
  /**
   * Bottlenecks within this share of each other count as equal, so that staleness and traffic decide between them;
   * default 0.02.
   */
  readonly tolerance?: number;
  /** Called now and then with the progress. */
  readonly progress?: (text: string) => void;
}

/** The limits that the time of a tick can have. */
export type Limit = 'compute' | 'upload' | 'download' | 'link';

/** Costs of one machine for one tick. */
export interface MachineCosts {
  readonly pieces: number;
  /** FLOP. */
  readonly work: number;
  /** Bytes held. */
  readonly memory: number;
  /** Bytes sent and received. */
  readonly sent: number;
  readonly received: number;
  /** Seconds of a processor for the frames that it sends and gets, beside its work. */
  readonly frames: number;
  /** Seconds of each; all overlap, so the largest is the machine's time. Frames are part of `compute`. */
  readonly compute: number;
  readonly up: number;
  readonly down: number;
}

/** Measured from the assignment alone. */
export interface Costs {
  readonly machines: readonly MachineCosts[];
  /** Seconds of a tick: the largest time of any machine or any pair of machines. */
  readonly bottleneck: number;
  readonly limit: Limit;
  /** The machine that binds (the sender where a link does), and the receiver where a link binds. */
  readonly machine: number;
  readonly receiver?: number;
  /** Byte-seconds: bytes that cross times the one-way delay they meet; 0 without latencies. */
  readonly staleness: number;
  /** Longest one-way delay that any border meets, seconds. */
  readonly delay: number;
  /** Bytes per tick over all borders, both directions. */
  readonly volume: number;
  /** Frames per tick: ordered pairs of machines with anything to send. */
  readonly messages: number;
  /** Bytes per tick from machine a to machine b at `a * K + b`. */
  readonly traffic: Float64Array;
  /** `max(total work / total rate, largest atom / fastest rate)`, seconds: no assignment is faster. */
  readonly leastCompute: number;
}

/** Why there is no partition; each names what to change. */
export type Impossible =
  | { readonly reason: 'memory'; readonly needed: number; readonly available: number }
  /** A piece, or pieces that stay together, fit no machine. `piece`: one of them. */
  | { readonly reason: 'atom-memory'; readonly piece: number; readonly needed: number; readonly largest: number }
  /** The totals fit, but no assignment was found that keeps every machine within its memory. */
  | { readonly reason: 'packing'; readonly machine: number; readonly needed: number; readonly available: number }
  /** Pieces that stay together are pinned to two machines. */
  | { readonly reason: 'pins'; readonly piece: number; readonly machines: readonly [number, number] }
  /** `useAll` with fewer atoms (pieces, or groups that stay together) than machines. */
  | { readonly reason: 'too-few'; readonly most: number };

export type PartitionResult =
  | { readonly kind: 'parts'; readonly part: Int32Array; readonly costs: Costs }
  | ({ readonly kind: 'impossible' } & Impossible);

/** K machines alike. @param machine what each is; by default one FLOP per second and no bound on anything else */
export function uniformMachines(count: number, machine: Partial<Machine> = {}): Machines {
  const one = { rate: 1, memory: Infinity, upload: Infinity, download: Infinity, ...machine };
  return { list: Array.from({ length: count }, (_, i) => ({ ...one, name: `${machine.name ?? 'shard'}-${i}` })) };
}
