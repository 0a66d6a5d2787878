/**
 * The process in which a synchronizer computes checks: a plan of others and a data set may be too much for its memory,
 * and then only this one ends. It reads the blobs of the mesh, and writes nothing there.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { reasonOf } from '../../../spec/reason-of.ts';
import { chooseDevice } from '../../device/choose.ts';
import { type AuditPorts, auditRecords, auditStep, cutRecords } from '../../net/audit-records.ts';
import type { AuditAnswer, AuditRequest, CutRecords, StepRequest } from '../../net/auditor.ts';
import type { CheckAnswer, CheckRequest } from '../../net/checker.ts';
import { fetchPlan } from '../../net/fetch-plan.ts';
import { recompute } from '../../net/recompute.ts';
import type { BlobSource } from '../../net/shard-data.ts';
import { MemoryLedger } from '../../net/shard-memory.ts';
import type { ShardSource } from '../../shard/shards.ts';
import { Recent } from '../../support/recent.ts';
import { removeAll } from '../../support/safe-files.ts';
import { ownPath } from '../../support/safe-path.ts';
import { hex, sha256 } from '../../wire/hash.ts';
import { deployedPlan } from '../mesh/fetched-plan.ts';
import { openShardPlan } from '../mesh/open-shard-plan.ts';
import { packageVersion } from '../shell/package-root.ts';
import { executablesOf } from './plan-executables.ts';

export interface CheckTask {
  readonly task:
    | { readonly check: CheckRequest }
    | { readonly audit: AuditRequest }
    | { readonly cut: AuditRequest }
    | { readonly step: StepRequest };
  /** Of the blobs. */
  readonly folder: string;
}

const device = chooseDevice('auto');
device.then((d) => d.warmUp?.()).catch(() => undefined);
/** The newest plan stays open: the next audit is mostly of the same run. */
const openPlan = device.then(openShardPlan);
openPlan.catch(() => undefined);
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

function answerTo({ task, folder }: CheckTask): Promise<CheckAnswer | AuditAnswer | CutRecords> {
  const pathOf = (hash: string): string => join(folder, hash.slice(0, 2), hash);
  const blob = async (hash: string): Promise<Uint8Array> => {
    const bytes = readFileSync(pathOf(hash));
    if (hex(sha256(bytes)) !== hash) throw new Error(`the blob ${hash} is damaged`);
    return bytes;
  };
  if ('audit' in task) return audited(task.audit, pathOf, blob, auditRecords);
  if ('cut' in task) return cutRecords(task.cut, { pathOf });
  return 'step' in task ? audited(task.step, pathOf, blob, auditStep) : checked(task.check, blob);
}

async function audited<T extends AuditRequest>(
  request: T,
  pathOf: (hash: string) => string,
  blob: BlobSource,
  audit: (request: T, ports: AuditPorts) => Promise<AuditAnswer>,
): Promise<AuditAnswer> {
  const { deployment } = request;
  const on = await device;
  const fetch = { device: on, blob, openPlan: await openPlan, ledger: new MemoryLedger(undefined) };
  return audit(request, {
    ...{ pathOf, blob, device: on, version: packageVersion() },
    sourceOf: (shard) =>
      keptSource(`${deployment.run}/${shard}`, () => fetchPlan({ run: deployment.run, shard }, deployment, fetch)),
  });
}

/** Lowering a program takes as long as a stretch of a small one: those of the last audits stay. */
const MAX_SOURCES = 8;
const sources = new Recent<Promise<ShardSource>>(MAX_SOURCES);

function keptSource(name: string, fetch: () => Promise<ShardSource>): Promise<ShardSource> {
  const known = sources.get(name);
  if (known) return known;
  const source = fetch();
  sources.set(name, source);
  source.catch(() => sources.drop(name));
  return source;
}

async function checked(task: CheckRequest, blob: BlobSource): Promise<CheckAnswer> {
  const { deployment } = task;
  const files = new Map<string, Uint8Array>();
  for (const file of deployment.plan) files.set(file.path, await blob(file.blob, file.bytes));
  const loaded = deployedPlan(deployment, files);
  const called = deployment.evaluations.map((e) => e.function);
  const sources = await executablesOf('the plan', loaded, await device, { called });
  return { values: await recompute(task, loaded.plan, sources, await device, blob) };
}
