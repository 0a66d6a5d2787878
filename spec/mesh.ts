/**
 * The machines that a network is placed on: the file behind `--mesh`. `mesh.schema.json` is the same as a schema;
 * `nmc mesh record` makes it from what `nmc doctor --json` prints on each machine.
 */

import type { Costs } from './costs.ts';

/** A major version that differs is refused; unknown fields of a newer minor one are ignored. */
export const MESH_FORMAT = '1.1';

export interface MeshFile {
  readonly format: string;
  readonly machines: readonly MeshMachine[];
  /** Seconds one way from machine a to machine b: `latency[a][b]`, a row for each machine in their order. */
  readonly latency?: readonly (readonly number[])[];
  /** Bytes per second from machine a to machine b, where a link is slower than both ends. */
  readonly bandwidth?: readonly (readonly number[])[];
}

export interface MeshMachine {
  /** No two alike. */
  readonly name: string;
  /** FLOP per second that it reaches. */
  readonly rate: number;
  /** Cores that shards share, and what their work is made of; absent: a FLOP at the rate is all that counts. */
  readonly cores?: number;
  readonly costs?: Costs;
  /** Bytes for a shard. */
  readonly memory: number;
  /** Bytes per second out of and into the machine; absent: no bound. */
  readonly upload?: number;
  readonly download?: number;
  /** Senses, or other nodes, that have to be on it, whole: where their data are. */
  readonly nodes?: readonly string[];
}
