/** To all owners of a run of schedule `async`: whose frames are not waited for, and who waits until it is told otherwise. */
export interface Away {
  readonly type: 'away';
  readonly run: string;
  readonly term: number;
  /** Shards that no trainer computes now, or that teach nothing before others are back. */
  readonly shards: readonly number[];
  /** Those of them that were given up. */
  readonly lost: readonly number[];
}
