/** What a mesh in virtual time is told, and what it gives. */
import type { BuiltPlan } from '../../compiler/8-plan/build.ts';
import type { Dataset } from '../../runtime/data/dataset.ts';
import type { Device, Tensor } from '../../runtime/device/device.ts';
import type { KeyPair } from '../../runtime/identity/ed25519.ts';
import type { Repeated } from '../../runtime/roles/auditor.ts';
import type { Limits } from '../../runtime/roles/limits.ts';
import type { StoredRun, SynchronizerEvent } from '../../runtime/roles/synchronizer-state.ts';
import type { SafePath } from '../../runtime/support/safe-path.ts';
import type { RunWatch } from '../../runtime/validation/standing.ts';
import type { AuditOrder } from '../../runtime/wire/audit-messages.ts';
import type { AuditVerdict } from '../../runtime/wire/audit-verdict.ts';
import type { BorderCodec } from '../../runtime/wire/codec.ts';
import type { Deployment } from '../../runtime/wire/deployment.ts';
import type { Message } from '../../runtime/wire/messages.ts';

/** What comes of one audit. */
export type AuditedEvent = SynchronizerEvent & { readonly kind: 'audited' };

export interface HostedOptions {
  readonly plan: BuiltPlan;
  readonly train: Dataset;
  readonly checks: readonly Dataset[];
  readonly validation?: Dataset;
  readonly trainers: number;
  readonly epochs: number;
  readonly snapshotEvery: number;
  readonly stretches?: Deployment['stretches'];
  /** Frames are held to bounds that are learnt; absent: they are taken as they come. */
  readonly bounded?: true;
  /** Where trainers keep records: a folder for each, by its number. */
  readonly records?: SafePath;
  /** Of everything that takes time. */
  readonly seed: number;
  /** When trainers die, in virtual milliseconds; without `back` for good. */
  readonly kills?: readonly { readonly at: number; readonly trainer: number; readonly back?: number }[];
  /** Numbers on borders; absent: f32. */
  readonly codec?: BorderCodec;
  /** When their processes are stopped, with all threads, while their connections stand; and when they go on. */
  readonly pauses?: readonly { readonly at: number; readonly trainer: number; readonly until: number }[];
  /** Milliseconds of one way, about which packets of borders come; absent: 20. */
  readonly way?: number;
  /** Chance that a packet of a border does not arrive, and that one of its sealed bits has changed on the way. */
  readonly loss?: number;
  readonly damage?: number;
  /** Virtual milliseconds after which it ends in any case; absent: ten minutes. */
  readonly until?: number;
  /** When the run is asked to stop. */
  readonly stopAt?: number;
  /** Trainers seal what they keep records of, and audits are done; absent: they do not. */
  readonly audits?: true;
  /** On which each trainer computes; absent: the reference. */
  readonly device?: (trainer: number) => Device;
  /** On which stretches are done again; absent: the reference. */
  readonly auditor?: Device;
  /** Other devices on which each of them is done again as well, and what one of these finds: nothing else comes of it. */
  readonly alsoBy?: {
    readonly devices: readonly Device[];
    readonly found: (device: number, event: AuditedEvent) => void;
  };
  /** Trainers do stretches of each other again; what one of them says of it. Absent: the synchronizer does all. */
  readonly auditing?: (trainer: number, found: Repeated, order: AuditOrder) => Repeated;
  /** Compiled forms of each shard, for a device that needs them. */
  readonly files?: (shard: number) => ReadonlyMap<string, Uint8Array>;
  /** Changes a message of a trainer on its way; nothing: it goes as it is. */
  readonly lie?: Lie;
  /** Replaces what the synchronizer computes itself; nothing: it does. */
  readonly checking?: 'not-here';
  readonly limits?: Partial<Limits>;
  /** Each trainer has room for one shard, or for that of its own number alone; absent: for all. */
  readonly oneEach?: true | 'its own';
  /** On which the checks are computed again; absent: the reference. */
  readonly checker?: Device;
}

export interface Liar {
  readonly trainer: number;
  readonly keys: KeyPair;
  readonly now: number;
  readonly putBlob: (bytes: Uint8Array) => string;
  readonly blob: (hash: string) => Uint8Array;
}

export type Lie = (message: Message, liar: Liar) => readonly Message[] | undefined;

export interface HostedResult {
  readonly run: StoredRun | undefined;
  /** Of the last manifest, by shard and name. */
  readonly states: ReadonlyMap<string, Tensor>;
  /** Blobs of every manifest that was published, by calls. */
  readonly manifests: ReadonlyMap<number, readonly string[]>;
  /** Calls that shards began while the one before was under way. */
  readonly ahead: number;
  /** Calls that shards have begun, in order. */
  readonly begun: readonly {
    readonly at: number;
    readonly trainer: number;
    readonly shard: number;
    readonly call: number;
  }[];
  readonly milliseconds: number;
  /** Packets of borders that were lost, and that were changed on their way. */
  readonly lost: number;
  readonly damaged: number;
  /** Events of the run's log. */
  readonly log: readonly Readonly<Record<string, unknown>>[];
  /** Of audits, and the keys that they have ended. */
  readonly verdicts: readonly AuditVerdict[];
  readonly revoked: readonly string[];
  /** What trainers have seen of each other, as the synchronizer holds it. */
  readonly watch: RunWatch | undefined;
  readonly deployment: Deployment;
  readonly blob: (hash: string) => Uint8Array;
}

/** Bytes of the largest shard. */
export const mostOf = ({ needs }: Pick<Deployment, 'needs'>): number => Math.max(...needs.map(({ memory }) => memory));

/** Bytes that a trainer has for shards. */
export function roomOf(
  { needs }: Pick<Deployment, 'needs'>,
  { oneEach }: Pick<HostedOptions, 'oneEach'>,
  trainer: number,
): number {
  if (oneEach === 'its own') return needs[trainer]?.memory ?? 0;
  return oneEach ? mostOf({ needs }) : 1e12;
}
