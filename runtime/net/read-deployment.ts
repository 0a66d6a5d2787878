/** The record of a run as a trainer takes it out of the mesh, trusting nothing in it. */
import { UserError } from '../support/errors.ts';
import type { Deployment } from '../wire/deployment.ts';
import { deploymentProblem } from '../wire/deployment-problem.ts';

/** @param run which it has to be. @throws UserError `mesh/deployment` */
export function readDeployment(bytes: Uint8Array, run: string): Deployment {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw unsound('it is not JSON');
  }
  return soundDeployment(value, run);
}

/** @param run which it has to be. @throws UserError `mesh/deployment` */
export function soundDeployment(value: unknown, run: string): Deployment {
  const problem = deploymentProblem(value);
  if (problem !== undefined) throw unsound(problem);
  const deployment = value as Deployment;
  if (deployment.run !== run) throw unsound(`it belongs to the run ${deployment.run}`);
  return deployment;
}

function unsound(problem: string): UserError {
  return new UserError('mesh/deployment', `the deployment is not sound: ${problem}`, 'deploy the model again');
}
