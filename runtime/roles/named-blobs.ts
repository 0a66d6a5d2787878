/** Which blobs a run names: whatever else is kept, is kept for nothing. */
import type { Deployment } from '../wire/deployment.ts';
import { blobsOf } from '../wire/deployment-problem.ts';
import type { RunState, StoredRun } from './synchronizer-state.ts';

/** Plan, data and statistics. */
export function blobsOfDeployment(deployment: Deployment): string[] {
  return blobsOf(deployment).map(({ blob }) => blob);
}

/** Parts of its manifests, and of snapshots that are not complete. */
export function partsOfRun(run: StoredRun & Partial<Pick<RunState, 'parts'>>): string[] {
  const pending = Object.values(run.parts ?? {}).flatMap((byShard) => Object.values(byShard).map((p) => p.blob));
  return [...run.manifests.flatMap((m) => m.parts), ...pending];
}

export function blobsOfRun(run: StoredRun & Partial<Pick<RunState, 'parts'>>): string[] {
  return [run.hash, ...blobsOfDeployment(run.deployment), ...partsOfRun(run)];
}
