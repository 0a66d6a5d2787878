/**
 * How shards of one process train together: samples are independent while values settle, so each thread settles all
 * shards for its share of a batch, in one graph and without a word of others. What learns from the settled values runs
 * behind that on the whole batch, each shard in its own thread.
 */
import type { Shape } from '../../../spec/program.ts';
import type { Trace, TracedRun } from '../../../spec/trace.ts';

/** The function of the graph that settles. */
export const SETTLE = 'settle';

export interface LanePlan {
  /** The function of the model. */
  readonly name: string;
  /** Threads that share a batch. */
  readonly lanes: number;
  /** Of each share. */
  readonly samples: number;
  /** The files of `SETTLE`, for one share. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** What the graph reads of shards. */
  readonly weights: readonly LaneWeight[];
  /** Of the samples of a share. */
  readonly fields: readonly string[];
  /** What is read behind the graph, by its name; shapes of the whole batch. */
  readonly values: readonly { readonly name: string; readonly shape: Shape }[];
  /** What runs behind it, in order. */
  readonly behind: readonly (TracedRun & { readonly run: number })[];
  readonly results: Trace['results'];
}

export interface LaneWeight {
  /** Its name in the graph. */
  readonly id: string;
  readonly shape: Shape;
  /** The state that it is, and of which shard. */
  readonly shard: number;
  readonly state: string;
  /** Whether a batch changes it. */
  readonly moves: boolean;
}
