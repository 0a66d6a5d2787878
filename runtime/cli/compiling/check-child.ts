/**
 * The process in which a synchronizer computes checks: a plan of others and a data set may be too much for its memory,
 * and then only this one ends. It reads the blobs of the mesh, and writes nothing there.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { reasonOf } from '../../../spec/reason-of.ts';
import { chooseDevice } from '../../device/choose.ts';
import type { CheckAnswer, CheckRequest } from '../../net/checker.ts';
import { recompute } from '../../net/recompute.ts';
import { removeAll } from '../../support/safe-files.ts';
import { ownPath } from '../../support/safe-path.ts';
import { hex, sha256 } from '../../wire/hash.ts';
import { deployedPlan } from '../mesh/fetched-plan.ts';
import { executablesOf } from './plan-executables.ts';

export interface CheckTask extends CheckRequest {
  /** Of the blobs. */
  readonly folder: string;
}

const device = chooseDevice('auto');
device.then((d) => d.warmUp?.()).catch(() => undefined);
process.on('SIGINT', () => undefined);
process.on('disconnect', () => {
  // Its parent was killed, and cleans up no more.
  const scratch = process.env.NMC_SCRATCH;
  if (scratch !== undefined) removeAll(ownPath(scratch));
  process.exit();
});
process.on('message', (task: CheckTask) => {
  answerTo(task).then(
    (answer) => process.send?.(answer),
    (error: unknown) => process.send?.({ problem: reasonOf(error) }),
  );
});

async function answerTo(task: CheckTask): Promise<CheckAnswer> {
  const { deployment, folder } = task;
  const blob = async (hash: string): Promise<Uint8Array> => {
    const bytes = readFileSync(join(folder, hash.slice(0, 2), hash));
    if (hex(sha256(bytes)) !== hash) throw new Error(`the blob ${hash} is damaged`);
    return bytes;
  };
  const files = new Map<string, Uint8Array>();
  for (const file of deployment.plan) files.set(file.path, await blob(file.blob));
  const loaded = deployedPlan(deployment, files);
  const called = deployment.evaluations.map((e) => e.function);
  const sources = await executablesOf('the plan', loaded, await device, { called });
  return { values: await recompute(task, loaded.plan, sources, await device, blob) };
}
