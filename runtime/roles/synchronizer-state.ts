/** What a synchronizer knows. The part of a run that `StoredRun` names is durable before anyone is told of it. */
import type { Deployment } from '../wire/deployment.ts';
import type { Capability, Exchange, Message, ShardReport } from '../wire/messages.ts';

export interface MemberState {
  readonly key: string;
  readonly name: string;
  readonly instance: string;
  readonly pid?: number;
  readonly capability: Capability;
  readonly connected: boolean;
  /** When it was last heard. */
  readonly seen: number;
  /** Longest time between two signs of it, lately: what its machine and its way make of half a second. */
  readonly gap: number;
  /** Signs of a thread that does nothing but say that it lives. */
  readonly pulses: number;
  /** It wants to go. */
  readonly draining: boolean;
  readonly refused: number;
}

export interface ManifestState {
  readonly calls: number;
  /** Blobs by shard. */
  readonly parts: readonly string[];
  /** Sums of all shards since the epoch of training began. */
  readonly totals: Readonly<Record<string, number>>;
  /** Milliseconds of work in the epoch so far. */
  readonly milliseconds: number;
}

export interface EpochRow {
  readonly epoch: number;
  readonly energy: number;
  readonly energyByNode: Readonly<Record<string, number>>;
  readonly accuracy: number | null;
  readonly seconds: number;
  readonly samplesPerSecond: number;
}

export type Phase =
  /** Nobody can take it just now. */
  | 'waiting'
  /** Owners load. */
  | 'preparing'
  | 'running'
  /** Asked to stop: shards go on to a common call and save there. */
  | 'halting'
  /** Stopped with the mesh; goes on when it is up again. */
  | 'suspended'
  | 'stopped'
  | 'done'
  | 'failed';

export interface StoredRun {
  readonly deployment: Deployment;
  /** Hash of the blob that holds the deployment. */
  readonly hash: string;
  readonly phase: Phase;
  readonly term: number;
  /** Keys by shard. */
  readonly owners: readonly string[];
  /** Their instances by key. */
  readonly instances: Readonly<Record<string, string>>;
  /** The newest last; two are kept. */
  readonly manifests: readonly ManifestState[];
  readonly rows: readonly EpochRow[];
  readonly checks: readonly { readonly check: string; readonly value: number; readonly pass: boolean }[];
  readonly reason: string;
  readonly created: number;
  /** When the newest manifest was complete; not there in runs of older versions, and before the first one. */
  readonly manifestAt?: number;
}

export interface RunState extends StoredRun {
  /** By shard, of this term. */
  readonly exchanges: Readonly<Record<number, Exchange>>;
  /** Parts of snapshots that are not complete: by calls, then shard. */
  readonly parts: Readonly<
    Record<
      number,
      Readonly<Record<number, { readonly blob: string; readonly totals: Readonly<Record<string, number>> }>>
    >
  >;
  readonly reports: Readonly<Record<number, ShardReport>>;
  /** While halting: the call behind which each shard can stop. */
  readonly pausing: Readonly<Record<number, number>>;
  /** What it becomes when it has halted. */
  readonly haltInto: 'stopped' | 'suspended';
  readonly haltSince: number;
  /** Since when the time of the next manifest counts. */
  readonly clock: number;
}

export interface SynchronizerState {
  readonly now: number;
  /** When it last looked at the clock by itself. */
  readonly tickAt: number;
  readonly members: Readonly<Record<string, MemberState>>;
  readonly runs: Readonly<Record<string, RunState>>;
  /** No new work: the mesh goes down. */
  readonly closing: boolean;
}

export type SynchronizerEvent =
  | { readonly kind: 'tick' }
  | { readonly kind: 'message'; readonly from: string; readonly message: Message }
  | { readonly kind: 'disconnected'; readonly key: string }
  /** The trainer's process lives, however busy it is. */
  | { readonly kind: 'alive'; readonly key: string; readonly instance: string }
  | { readonly kind: 'deploy'; readonly deployment: Deployment; readonly hash: string }
  | { readonly kind: 'stop'; readonly run: string }
  | { readonly kind: 'drain'; readonly name: string }
  /** The key may not train any more: what it owns is in other hands at once. */
  | { readonly kind: 'expelled'; readonly key: string; readonly reason: string }
  /** A part of this manifest is gone, or is not what its name says. */
  | { readonly kind: 'manifest-damaged'; readonly run: string; readonly calls: number }
  | { readonly kind: 'close' };

export type SynchronizerEffect =
  /** Durable before the effects behind it. */
  | { readonly kind: 'persist'; readonly run: string; readonly value: StoredRun }
  | { readonly kind: 'send'; readonly to: string; readonly message: Message }
  | { readonly kind: 'log'; readonly run: string; readonly event: Readonly<Record<string, unknown>> }
  /** Kept without being told. */
  | { readonly kind: 'keep'; readonly stream: string; readonly value: unknown }
  /** The trainer has to begin its connection again. */
  | { readonly kind: 'reconnect'; readonly key: string }
  /** The trainer may go. */
  | { readonly kind: 'dismiss'; readonly key: string };

export interface Step {
  readonly state: SynchronizerState;
  readonly effects: readonly SynchronizerEffect[];
}

export function storedOf(run: RunState): StoredRun {
  const { deployment, hash, phase, term, owners, instances, manifests, rows, checks, reason, created } = run;
  const at = run.manifestAt === undefined ? {} : { manifestAt: run.manifestAt };
  return { deployment, hash, phase, term, owners, instances, manifests, rows, checks, reason, created, ...at };
}

/** A run as an older version has kept it: ownership's `term` was called `epoch`. */
export function upgraded(stored: StoredRun & { readonly epoch?: number }): StoredRun {
  const { epoch, ...rest } = stored;
  return epoch === undefined ? rest : { ...rest, term: rest.term ?? epoch };
}

export function runFrom(stored: StoredRun, now: number): RunState {
  return {
    ...stored,
    exchanges: {},
    parts: {},
    reports: {},
    pausing: {},
    haltInto: 'stopped',
    haltSince: now,
    clock: now,
  };
}

/** After a restart an owner is expected back before it is known what it can do. */
export function absentMember(key: string, instance: string, now: number): MemberState {
  const capability = { cores: 0, memory: 0, rate: 0, upload: 0, download: 0, machine: '' };
  return {
    key,
    name: '',
    instance,
    capability,
    connected: false,
    seen: now,
    gap: 0,
    pulses: 0,
    draining: false,
    refused: 0,
  };
}
