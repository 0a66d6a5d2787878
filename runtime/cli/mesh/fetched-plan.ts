/** The plan of a run of the mesh, read as any plan of strangers: the mesh's owner may have written it. */
import type { Link } from '../../net/link.ts';
import { planInMemory } from '../../plan/plan-memory.ts';
import { type VerifiedPlan, verifyPlan } from '../../plan/verify-plan.ts';
import { UserError } from '../../support/errors.ts';
import type { Deployment } from '../../wire/deployment.ts';
import { verifyForeign } from '../planning/verify-foreign.ts';

export interface FetchedPlan {
  /** By path within the plan. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly loaded: VerifiedPlan;
}

/** @param deployment that was found sound. @throws UserError `plan/…` */
export async function fetchPlanFiles(link: Link, deployment: Deployment): Promise<FetchedPlan> {
  const files = new Map<string, Uint8Array>();
  for (const { path, blob, bytes } of deployment.plan) files.set(path, await link.getBlob(blob, bytes));
  const loaded = deployedPlan(deployment, files);
  return { files, loaded };
}

/** @param files of its plan, by path. @throws UserError `plan/…` */
export function deployedPlan(
  { run, shards }: Pick<Deployment, 'run' | 'shards'>,
  files: ReadonlyMap<string, Uint8Array>,
): VerifiedPlan {
  const verified = verifyPlan(planInMemory(`the plan of ${run}`, files), verifyForeign);
  if (verified.plan.shards.length === shards) return verified;
  throw new UserError(
    'plan/format',
    `the plan has ${verified.plan.shards.length} shards, the run ${shards}`,
    'deploy the model again',
  );
}
