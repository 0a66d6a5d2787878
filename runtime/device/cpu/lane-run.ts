/** What an engine runs of batches that come past the messages. */
import type { Position } from '../device.ts';

/** The share of each batch that a lane takes, and the step that both lanes take together. */
export interface LaneRun {
  /**
   * All results of this lane's last share, its gradients among them, as they lie in memory one after the other; behind
   * them memory for those of the other lane.
   */
  readonly own: Float32Array;
  readonly other: Float32Array;
  share(position: Position): Promise<void>;
  /** Puts together what is not a gradient. @param first results of the first lane, as `own` has them */
  sum(first: Float32Array, second: Float32Array, results: Readonly<Record<string, Float32Array>>): void;
  /** Moves the weights by the sum of both lanes' gradients. @param first `own` or `other` of the first lane */
  step(first: Float32Array, second: Float32Array, position: Position): void;
}

/**
 * Trains on a whole batch.
 * @param known gets the results where they lie, before weights move behind the graph
 */
export type WholeRun = (position: Position, known: (results: (name: string) => Float32Array) => void) => Promise<void>;
