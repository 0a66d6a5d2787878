/** The plan of a shard, from the mesh to a trainer: counted before a file of it is fetched, and again before its data. */
import type { Device, Executable } from '../device/device.ts';
import type { ShardId } from '../roles/trainer-state.ts';
import type { ShardSource } from '../shard/shards.ts';
import type { Deployment } from '../wire/deployment.ts';
import type { BlobSource } from './shard-data.ts';
import { type CountedShard, type MemoryLedger, shardNeeds } from './shard-memory.ts';

/** A shard as a plan has it: read and checked, and nothing made of it. */
export interface OpenedPlan extends CountedShard {
  readonly lower: () => Promise<Executable>;
}

export interface PlanFetch {
  readonly ledger: MemoryLedger;
  readonly device: Device;
  readonly blob: BlobSource;
  /** Trusts none of the files. */
  readonly openPlan: (files: ReadonlyMap<string, Uint8Array>, shard: number) => Promise<OpenedPlan>;
}

/** Its memory is held until the shard is freed, also where this fails. @throws UserError `plan/memory`, `plan/…` */
export async function fetchPlan(
  at: Pick<ShardId, 'run' | 'shard'>,
  deployment: Deployment,
  { ledger, device, blob, openPlan }: PlanFetch,
): Promise<ShardSource> {
  ledger.holdPlan(at, deployment);
  const files = new Map<string, Uint8Array>();
  for (const file of deployment.plan) files.set(file.path, await blob(file.blob, file.bytes));
  const opened = await openPlan(files, at.shard);
  const element = device.name === 'reference' ? Float64Array.BYTES_PER_ELEMENT : Float32Array.BYTES_PER_ELEMENT;
  ledger.holdShard(at, shardNeeds(deployment, at.shard, opened, element));
  return { schedule: opened.schedule, executable: await opened.lower() };
}
