/** Labels of shards and borders that both pictures of a plan share. */
import type { Plan, PlanBorder, PlanShard } from '../../spec/plan.ts';

export interface BorderBytes {
  readonly bytes: number;
  /** Else per batch, for rules without ticks. */
  readonly perTick: boolean;
}

/** Of both directions, as f32. */
export function borderBytes({ flows }: PlanBorder): BorderBytes {
  const perTick = flows.reduce((sum, f) => sum + f.bytesPerTick.f32, 0);
  if (perTick > 0) return { bytes: perTick, perTick: true };
  return { bytes: flows.reduce((sum, f) => sum + 4 * f.valuesPerBatch, 0), perTick: false };
}

export function inBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  return bytes < 1024 ** 2 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / 1024 ** 2).toFixed(1)} MiB`;
}

/** `shard 0`, or the machine that it is for. */
export function shardTitle({ predicted }: Plan, shard: PlanShard, i: number): string {
  const name = predicted?.machines[i]?.name ?? `shard-${shard.id}`;
  return name === `shard-${shard.id}` ? `shard ${shard.id}` : `shard ${shard.id} on ${name}`;
}

export function shardFigures(shard: PlanShard): string {
  return `${inBytes(shard.memory)}, ${((shard.flopsPerTick ?? shard.flopsPerBatch) / 1e6).toFixed(2)} MFLOP`;
}

/** Why the other shards wait for this one; undefined for all others. */
export function limitWords({ predicted }: Plan, i: number): string | undefined {
  return predicted?.limit.shard === i ? `limits the rest, by ${predicted.limit.by}` : undefined;
}
