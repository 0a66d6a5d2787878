/** The plan of a run of the mesh, read as any plan of strangers: whoever keeps the mesh may have written it. */
import type { Link } from '../../net/dial.ts';
import { PLAN_FILE } from '../../plan/plan-files.ts';
import type { LoadedPlan } from '../../plan/plan-folder.ts';
import { writePlan } from '../../plan/write-plan.ts';
import { UserError } from '../../support/errors.ts';
import { makeTemporaryFolder, removeAll } from '../../support/safe-files.ts';
import type { Deployment } from '../../wire/deployment.ts';
import { openPlan } from '../planning/open-plan.ts';

export interface FetchedPlan {
  /** By path within the plan. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly loaded: LoadedPlan;
}

/** @param deployment that was found sound. @throws UserError `plan/…` */
export async function fetchPlanFiles(link: Link, deployment: Deployment): Promise<FetchedPlan> {
  const files = new Map<string, Uint8Array>();
  for (const { path, blob, bytes } of deployment.plan) files.set(path, await link.getBlob(blob, bytes));
  const loaded = loadedPlan(files);
  if (loaded.plan.shards.length !== deployment.shards)
    throw new UserError(
      'plan/format',
      `the plan has ${loaded.plan.shards.length} shards, the run ${deployment.shards}`,
      'deploy the model again',
    );
  return { files, loaded };
}

export function loadedPlan(files: ReadonlyMap<string, Uint8Array>): LoadedPlan {
  const folder = makeTemporaryFolder('nmc-fetched-');
  try {
    const others = new Map([...files].filter(([path]) => path !== PLAN_FILE));
    writePlan(folder, files.get(PLAN_FILE) ?? new Uint8Array(0), others);
    return openPlan(folder);
  } finally {
    removeAll(folder);
  }
}
