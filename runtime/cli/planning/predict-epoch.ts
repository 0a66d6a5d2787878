/** How long an epoch of a training will take on given trainers: its batches, its snapshots and its evaluations. */
import { type Costs, secondsOfCommitment } from '../../../spec/costs.ts';
import { uploadSeconds, withSharedLines } from '../../roles/batch-time.ts';
import { batchesOf, evaluationCalls, type SavedRun, snapshotsPerEpoch } from '../../training/calls.ts';
import { type Placed, predictCall, type RatedTrainer } from './predict-rate.ts';

export interface EpochPrediction {
  readonly seconds: number;
  readonly samplesPerSecond: number;
  readonly snapshots: number;
  /** Of all of them, in which shards wait until their parts are stored. */
  readonly snapshotSeconds: number;
  readonly evaluationSeconds: number;
}

/** @param run its training data and checks, and what it saves @param batchSeconds of a training batch */
export function predictEpoch(placed: Placed, run: SavedRun, batchSeconds: number): EpochPrediction {
  const batches = batchesOf(run);
  const snapshots = snapshotsPerEpoch(run);
  const snapshotSeconds = snapshots * secondsOfSnapshot(placed);
  const calls = evaluationCalls(run);
  const evaluationSeconds = run.evaluations.reduce(
    (sum, e, i) => sum + (calls[i] ?? 0) * (predictCall(placed, e.function) ?? 0),
    0,
  );
  const seconds = batches * batchSeconds * (run.sequence ?? 1) + snapshotSeconds + evaluationSeconds;
  const samplesPerSecond = (batches * run.batch) / seconds;
  return { seconds, samplesPerSecond, snapshots, snapshotSeconds, evaluationSeconds };
}

/**
 * Each part is read, hashed, signed and recorded as the state at the end of a stretch, hashed as a blob, brought to the
 * mesh, flushed to a disk there (the mesh's is taken to be like the trainers'), and answered. On its way a byte of a blob
 * is hashed, written to a socket, read and kept as one of a frame is.
 */
function secondsOfSnapshot({ shards, owners, trainers }: Placed): number {
  const lined = withSharedLines(trainers);
  const used = owners.flatMap((key) => lined.find((t) => t.key === key) ?? []);
  const parts = shards.map((shard, i) => ({ ...(used[i] as RatedTrainer).capability, bytes: shard.state }));
  const own = new Map<string, number>();
  for (const [i, { key, capability }] of used.entries()) {
    own.set(key, (own.get(key) ?? 0) + secondsOfPart(shards[i]?.state ?? 0, capability.costs));
  }
  const roundTrip = Math.max(0, ...used.map(({ capability }) => capability.roundTrip ?? 0)) / 1000;
  const flush = Math.max(0, ...used.map(({ capability }) => capability.costs?.flush ?? 0));
  return uploadSeconds(parts) + roundTrip + flush + Math.max(0, ...own.values());
}

/** @param state bytes of it */
function secondsOfPart(state: number, costs: Costs | undefined): number {
  if (!costs) return 0;
  return secondsOfCommitment(state, costs) + state * (costs.stateByte + costs.frameByte);
}
