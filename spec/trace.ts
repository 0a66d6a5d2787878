/**
 * A call of all shards gone through once: which segment runs when, and where each value comes from. The runs stand in
 * one order in which each finds what it reads, whichever shard made it.
 */

/** A value of a run, or a field of the data. */
export type Source = { readonly field: string } | Made;

/** A result of the run of this number. */
export interface Made {
  readonly run: number;
  readonly result: string;
}

export interface TracedRun {
  /** Its place among the shards. */
  readonly shard: number;
  /** Function of the shard's program. */
  readonly segment: string;
  /** The variable `tick`. */
  readonly tick: number;
  /** By the fields of the segment. */
  readonly inputs: Readonly<Record<string, Source>>;
}

export interface Trace {
  readonly runs: readonly TracedRun[];
  /** Results of the call, by shard and by their names. */
  readonly results: readonly Readonly<Record<string, Source>>[];
}

/** A run's result as the one name that it has anywhere. */
export const madeName = ({ run, result }: Made): string => `${run}/${result}`;
