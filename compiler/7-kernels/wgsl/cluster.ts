/** Operations of one kernel: each element goes through them once. */
import type { FlatOp } from './flat.ts';

export interface Cluster {
  /** The operation that needs many elements; nothing where all go one by one. */
  readonly anchor: FlatOp | undefined;
  /** Done with each element of an argument as the anchor reads it, by name. */
  readonly claimed: ReadonlyMap<string, FlatOp>;
  /** Done with each element of the result, in order. */
  readonly members: readonly FlatOp[];
  /** Elements of the result. */
  readonly elements: number;
  /** Values in memory that it reads. */
  readonly inputs: readonly string[];
  /** Values that others want. */
  readonly outputs: readonly string[];
}
