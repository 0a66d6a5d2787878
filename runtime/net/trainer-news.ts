/** The news of a trainer for its user: its state in the mesh, and the progress of its shards. */
import { type HostedShard, shardName, type TrainerState } from '../roles/trainer-state.ts';
import { allCalls, batchesOf, callAt } from '../training/calls.ts';
import type { ShardReport } from '../wire/messages.ts';

export interface TrainerNews {
  /**
   * @param name by which the mesh knows it now; another one than it asked for where that is taken. @param mesh its key
   */
  readonly admitted: (name: string, mesh: string) => void;
  /** Of the mesh's program; nothing where it does not say. */
  readonly versions: (mesh: string | undefined, wire: string | undefined) => void;
  readonly away: (reason: string) => void;
  /** Every heartbeat. */
  readonly shards: (shards: readonly ShardNews[]) => void;
}

export interface ShardNews {
  readonly run: string;
  readonly shard: number;
  readonly state: ShardReport['state'];
  readonly reason: string;
  readonly busy: number;
  readonly ticksPerSecond: number;
  /** Known once the shard is loaded. */
  readonly at?: {
    readonly model: string;
    /** From 1. */
    readonly epoch: number;
    readonly epochs: number;
    readonly batch: number;
    readonly batches: number;
    /** Of training, since the run began. */
    readonly samples: number;
  };
}

export function shardNews(reports: readonly ShardReport[], { shards }: TrainerState): ShardNews[] {
  return reports.map(({ run, shard, state, reason, busy, ticksPerSecond, calls }) => {
    const deployment = shards[shardName({ run, shard })]?.deployment;
    const news = { run, shard, state, reason, busy, ticksPerSecond };
    return deployment ? { ...news, at: placeOf(deployment, calls) } : news;
  });
}

function placeOf(deployment: NonNullable<HostedShard['deployment']>, calls: number): NonNullable<ShardNews['at']> {
  const { model, epochs } = deployment;
  const batches = batchesOf(deployment);
  const all = calls >= allCalls(deployment);
  const call = callAt(deployment, all ? allCalls(deployment) - 1 : calls);
  const batch = call.kind === 'train' ? call.batch : batches;
  const samples = (call.epoch * batches + batch) * deployment.batch;
  return { model, epochs, epoch: call.epoch + 1, batch, batches, samples };
}
