import type { FrameChooser } from '../training/free-ticks.ts';
import type { BorderCodec } from '../wire/codec.ts';
import type { LanePlan } from './threads/lane-plan.ts';

/** How shards of one process share their work, and what they tell each other. */
export interface Between {
  /** How threads share batches; absent: each shard has the whole of them. */
  readonly lanes?: LanePlan | undefined;
  /** Which frames the ticks of trainings read; absent: those of the same tick. */
  readonly chooser?: FrameChooser | undefined;
  /** Frames lose what they would lose on a mesh whose borders have it; f32 where it is absent. */
  readonly codec?: BorderCodec | undefined;
}
