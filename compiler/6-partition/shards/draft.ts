/** One shard's part of a function, before it is written. */
import type { Held } from './held.ts';
import type { DraftStage } from './stages.ts';
import type { ResultValue, Value } from './values.ts';

export interface Draft {
  readonly stages: readonly DraftStage[];
  readonly held: Held;
  /** That this shard gives; their values are locals of it. */
  readonly results: readonly ResultValue[];
  /** Locals that stand in for values of shards that are absent. */
  readonly stands: readonly Value[];
}
