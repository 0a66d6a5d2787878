/** Memory of frames that wait for the disk to take them into the record of their stretch. */
import { recordedBytes } from '../../roles/stretch-length.ts';
import type { Deployment, ShardNeeds } from '../../wire/deployment.ts';

/** Frames are copied into blocks of this size, which go to the disk when they are full. */
export const BLOCK_BYTES = 1024 * 1024;
const MAX_PENDING_BYTES = 32 * 1024 * 1024;

interface RecordedRun extends Pick<Deployment, 'stretches'> {
  readonly needs: readonly Pick<ShardNeeds, 'sends'>[];
}

/**
 * Bytes that may wait for the disk before the shard waits for it, too: as many as two of its stretches have, for a
 * neighbour may be one ahead.
 */
export function maxPendingBytes({ stretches, needs }: RecordedRun, shard: number): number {
  if (!stretches) return 0;
  const { bytes, batches } = stretches;
  const frames = recordedBytes(needs, shard);
  const stretch = frames === undefined ? bytes : Math.min(bytes, batches * frames);
  return Math.min(MAX_PENDING_BYTES, Math.max(2 * BLOCK_BYTES, 2 * stretch));
}
