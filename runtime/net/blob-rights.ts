/**
 * Which blobs a trainer may get and bring: what its own shards name, and parts of their states. Operators may have all,
 * viewers none.
 */
import { isActive } from '../roles/synchronizer.ts';
import type { RunState, SynchronizerState } from '../roles/synchronizer-state.ts';
import type { DataRef, Deployment } from '../wire/deployment.ts';
import type { Role } from '../wire/handshake.ts';

interface Asker {
  readonly key: string;
  readonly role: Role;
}

export interface BlobRights {
  mayGet(asker: Asker, blob: string): boolean;
  mayPut(asker: Asker, bytes: number): boolean;
}

/** Names, types and shapes in a part of a snapshot, beside its values. */
const MAX_PART_HEAD = 1024 * 1024;

export function blobRights(state: () => SynchronizerState): BlobRights {
  const may = ({ key, role }: Asker, trainer: (key: string) => boolean): boolean =>
    role === 'operator' || (role === 'trainer' && trainer(key));
  return {
    mayGet: (asker, blob) => may(asker, (key) => mayGet(state(), key, blob)),
    mayPut: (asker, bytes) => may(asker, (key) => mayPut(state(), key, bytes)),
  };
}

/** @param tickets what their bearers may get, and trainers bring for them, beside that */
export function withTickets(
  rights: BlobRights,
  tickets: { mayGet(key: string, blob: string): boolean; mayPut(key: string, bytes: number): boolean },
): BlobRights {
  return {
    mayGet: (asker, blob) => rights.mayGet(asker, blob) || tickets.mayGet(asker.key, blob),
    mayPut: (asker, bytes) =>
      rights.mayPut(asker, bytes) || (asker.role === 'trainer' && tickets.mayPut(asker.key, bytes)),
  };
}

/**
 * Whether a trainer's shards need this blob: the deployment and its plan, statistics of the data, the columns that they
 * read, and their own parts of the manifests that are kept.
 */
export function mayGet(state: SynchronizerState, key: string, blob: string): boolean {
  return ownedBy(state, key).some(([run, shards]) => {
    if (blob === run.hash) return true;
    const { common, columns } = indexOf(run.deployment);
    if (common.has(blob)) return true;
    return shards.some((shard) => columns[shard]?.has(blob) || run.manifests.some((m) => m.parts[shard] === blob));
  });
}

/** Whether a part of one of the trainer's shards can have this size. */
export function mayPut(state: SynchronizerState, key: string, bytes: number): boolean {
  return ownedBy(state, key).some(([{ deployment }, shards]) =>
    shards.some((shard) => bytes <= (deployment.needs[shard]?.memory ?? 0) + MAX_PART_HEAD),
  );
}

/** Active runs in which it owns shards, with these. */
function ownedBy(state: SynchronizerState, key: string): (readonly [RunState, readonly number[]])[] {
  return Object.values(state.runs)
    .filter((run) => isActive(run) && run.owners.includes(key))
    .map((run) => [run, run.owners.flatMap((owner, shard) => (owner === key ? [shard] : []))] as const);
}

interface Index {
  /** For every owner of a shard. */
  readonly common: ReadonlySet<string>;
  /** By shard. */
  readonly columns: readonly ReadonlySet<string>[];
}

/** A deployment never changes. */
const indices = new WeakMap<Deployment, Index>();

function indexOf(deployment: Deployment): Index {
  const known = indices.get(deployment);
  if (known) return known;
  const { plan, statistics, needs, train, checks } = deployment;
  const made: Index = {
    common: new Set([...plan.map((f) => f.blob), ...statistics.map((s) => s.mean.blob)]),
    columns: needs.map(({ reads }) => {
      // Deployments of earlier versions do not say what a shard reads.
      const of = (data: DataRef, names: readonly string[] | undefined): readonly string[] =>
        data.columns
          .filter((c) => reads === undefined || names?.includes(c.name))
          .flatMap((c) => c.blobs.map((b) => b.blob));
      return new Set([of(train, reads?.train), ...checks.map((data, i) => of(data, reads?.checks[i]))].flat());
    }),
  };
  indices.set(deployment, made);
  return made;
}
