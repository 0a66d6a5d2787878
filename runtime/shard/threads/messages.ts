/** Messages between the command and a thread that runs shards. */

import type { Program } from '../../../spec/program.ts';
import type { ShardSchedule } from '../../../spec/schedule.ts';
import type { EngineRequest } from '../../device/cpu/carry-out.ts';
import type { WorkerStart } from '../../device/cpu/messages.ts';
import type { Tensor } from '../../device/device.ts';
import type { BorderCodec } from '../../wire/codec.ts';
import type { ExchangeStart } from '../exchange.ts';
import type { Part } from '../part.ts';
import type { LaneBatch, ShardLaneStart } from './shard-lane.ts';
import type { Spent } from './stopwatch.ts';

/** `engine`: the place of the shard among all that were opened. */
export type ShardRequest =
  | EngineRequest
  | ({ readonly id: number; readonly engine: number } & (
      | { readonly kind: 'open'; readonly start: WorkerStart }
      /** Its schedule, and the way to other threads. */
      | ({ readonly kind: 'join' } & ShardJoin)
      /** Answered with the results of this shard when it is done with the part. */
      | { readonly kind: 'call'; readonly part: Part }
      /** Its thread shares batches of all shards with others. */
      | { readonly kind: 'lane'; readonly start: ShardLaneStart }
      /** Answered with the results of this thread's shards when the batch is done. */
      | { readonly kind: 'batch'; readonly batch: LaneBatch }
      | { readonly kind: 'close' }
    ));

export interface BatchDone extends CallDone {
  /** Whether batches go on to be shared. */
  readonly isShared: boolean;
  /** Another thread has failed: there are no results. */
  readonly isGivenUp?: boolean;
}

/** Work that a shard has done for one call. */
export interface CallDone {
  readonly results: Record<string, Tensor>;
  readonly spent?: Spent;
}

/** A shard's thread: what it runs, and how its frames reach others. */
export interface ShardJoin {
  readonly schedule: ShardSchedule;
  readonly program: Program;
  readonly exchange: ExchangeStart;
  /** The number of its thread. */
  readonly own: number;
  /** Of its borders. */
  readonly codec: BorderCodec;
  /** Whether it tells where its time goes. */
  readonly counts: boolean;
}
