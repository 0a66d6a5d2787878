/** Knowledge of a synchronizer. The part of a run that `StoredRun` names is durable before anyone is told of it. */
import type { Checked, CheckResult, FirstWrong, KeptEpoch, RunEvent } from '../../spec/run-events.ts';
import type { MovedSince, RunWatch } from '../validation/standing.ts';
import type { AuditsOver, AuditVerdict } from '../wire/audit-verdict.ts';
import type { Deployment } from '../wire/deployment.ts';
import type { Capability, Exchange, Message, Part, ShardReport } from '../wire/messages.ts';
import { type Audit, type AuditOutcome, type Mark, type RunAudits, storedAudits } from './audit-state.ts';
import type { Limits } from './limits.ts';
import type { MeasuredLink, ProbedBorder } from './measured-link.ts';

export interface MemberState {
  readonly key: string;
  readonly name: string;
  readonly instance: string;
  readonly pid?: number;
  /** Of its program. */
  readonly version?: string;
  readonly capability: Capability;
  /** It brings records of stretches when they are wanted. */
  readonly records?: boolean;
  /** It does stretches again for auditors whose device gives other bits. */
  readonly again?: boolean;
  /** It seals its stretches: they may be audited. */
  readonly audits?: boolean;
  /** It does stretches of others again that were computed on this class of device. */
  readonly auditor?: string;
  /** An operator has listed its key, which no invite let in. */
  readonly vouched?: boolean;
  /** The gateway's measurements of its link; nothing before there are any. */
  readonly measured?: MeasuredLink;
  /** Where other trainers reach it, with which it then measures the ways between them. */
  readonly listen?: string;
  /** Those ways as it has seen them, by the keys of the others. */
  readonly borders?: Readonly<Record<string, ProbedBorder>>;
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
  /** The same by shard, and the hash of each one's state; older versions have not kept them. */
  readonly byShard?: readonly { readonly hash: string; readonly totals: Readonly<Record<string, number>> }[];
  /** Milliseconds of work in the epoch so far. */
  readonly milliseconds: number;
}

export type Phase =
  /** No trainer can take it at the moment. */
  | 'waiting'
  /** Owners load. */
  | 'preparing'
  | 'running'
  /** Asked to stop: shards go on to a common call and save there. */
  | 'halting'
  /** Stopped with the mesh; goes on when it is up again. */
  | 'suspended'
  /** All is trained; the checks are computed again from the weights. */
  | 'checking'
  | 'stopped'
  | 'done'
  | 'failed';

/** Failings of a trainer, which prove nothing against it. */
export interface Fault {
  readonly key: string;
  readonly shard: number;
  readonly code: string;
  readonly reason: string;
  readonly at: number;
  /** Of the newest manifest at that time. */
  readonly calls: number;
  /** Other runs that held the trainer's memory when it had no room; that is not a fault once they are gone. */
  readonly beside?: readonly string[];
}

/** Two keys accuse each other of breaking the border between them, without proof. */
export interface Undecided {
  readonly accuser: string;
  readonly accused: string;
  readonly at: number;
  /** Which share of all borders those of the accuser, and of the accused, were then; older versions have not kept it. */
  readonly shares?: readonly number[];
}

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
  readonly rows: readonly KeptEpoch[];
  readonly checks: readonly CheckResult[];
  readonly reason: string;
  readonly created: number;
  /** When the newest manifest was complete; not there in runs of older versions, and before the first one. */
  readonly manifestAt?: number;
  readonly faults: readonly Fault[];
  /** Keys that have lied in this run. */
  readonly excluded: readonly string[];
  readonly disputes: readonly Undecided[];
  /** Keys that have trained each shard, as far as it is in a manifest. */
  readonly trained: readonly (readonly string[])[];
  /** Of the programs that train it; nothing before it has begun. */
  readonly version?: string;
  /** Set while trainers compute the checks again: the call that they begin behind. */
  readonly checkingFrom?: number;
  /** So often the checks came out otherwise. */
  readonly differences: number;
  readonly checked?: Checked;
  /** Later runs that have begun while it waited; not there where there were none. */
  readonly overtaken?: number;
  /** What audits have counted against keys, the newest last; not there where there was nothing. */
  readonly marks?: readonly Mark[];
  /** Of stretches that are drawn, and looked at; not there before a trainer has sealed one. */
  readonly audits?: RunAudits;
  /** Of schedule `async`: by shard, the term since which its owner has had it; absent: the one of now. */
  readonly since?: readonly number[];
  /** Shards that no trainer computes now; their owner, where there is one, loads. */
  readonly empty?: readonly number[];
  /** Those that were given up: the others train to the end without them. */
  readonly lost?: readonly number[];
}

export interface PendingPart extends Pick<Part, 'blob' | 'hash' | 'totals' | 'signature'> {
  /** For which its owner then has signed it; absent: those of now. */
  readonly term?: number;
  readonly key?: string;
  /** The blob is there, and is what the part says. */
  readonly verified: boolean;
}

/** How fast calls are, and when each shard has last ended one. */
export interface Progress {
  /** Since when the phase of now lasts. */
  readonly since: number;
  /** By shard: calls that it had ended, and when that was first heard. */
  readonly shards: Readonly<Record<number, { readonly calls: number; readonly at: number }>>;
  /** Calls that all shards had ended, and when that was first seen. */
  readonly slowest: { readonly calls: number; readonly at: number };
  /** By kind of call: so many took so long. */
  readonly measured: Readonly<Record<string, { readonly calls: number; readonly milliseconds: number }>>;
}

export interface RunState extends StoredRun {
  /** By shard, of this term. */
  readonly exchanges: Readonly<Record<number, Exchange>>;
  /** Parts of snapshots that are not complete: by calls, then shard. */
  readonly parts: Readonly<Record<number, Readonly<Record<number, PendingPart>>>>;
  /** The cut whose parts are looked at now: one at a time. */
  readonly verifying: number;
  /** The newest hash of its state that each shard has signed in this term. */
  readonly commits: Readonly<Record<number, { readonly calls: number; readonly hash: string }>>;
  readonly progress: Progress;
  readonly reports: Readonly<Record<number, ShardReport>>;
  /** Of schedule `async`: the shard for which all others have waited at so many snapshots in a row, and its owner. */
  readonly slow?: { readonly shard: number; readonly owner: string; readonly cuts: number };
  /** While halting: the call behind which each shard can stop. */
  readonly pausing: Readonly<Record<number, number>>;
  /** Its phase when it has halted. */
  readonly haltInto: 'stopped' | 'suspended';
  readonly haltSince: number;
  /** Since when the time of the next manifest counts. */
  readonly clock: number;
  /** Another synchronizer leads it: this is how that one has stored it. */
  readonly foreign?: boolean;
  /** Since when one of its shards is empty. */
  readonly emptySince?: number;
  /** What its stretches look like; not there before a trainer has sealed one. */
  readonly watch?: RunWatch;
}

/** Memory of trainers that one run has been given. */
export interface Allotment {
  readonly term: number;
  /** Bytes by trainer. */
  readonly memory: Readonly<Record<string, number>>;
}

/** By run. */
export type Allotments = Readonly<Record<string, Allotment>>;

export interface SynchronizerState {
  readonly now: number;
  /** When it last looked at the clock by itself. */
  readonly tickAt: number;
  readonly members: Readonly<Record<string, MemberState>>;
  readonly runs: Readonly<Record<string, RunState>>;
  /** No new work: the mesh goes down. */
  readonly closing: boolean;
  /** Of several synchronizers: memory that runs of others have been given, and how often it was learnt anew. */
  readonly allotted?: { readonly version: number; readonly lines: Allotments };
  /** Of several synchronizers: whether it leads the mesh, and asks trainers for probes; absent where it is alone. */
  readonly presides?: boolean;
  readonly limits: Limits;
}

/** Facts that the signatures in a message prove; checked by the caller. */
export type Proof = 'proved' | 'false' | 'undecided';

/** Why a message has no effect. */
export type Refusal =
  | 'unknown-run'
  | 'not-active'
  | 'another-term'
  | 'not-the-owner'
  | 'not-a-member'
  | 'not-halting'
  | 'not-a-cut'
  | 'behind-the-manifest'
  | 'not-comparable'
  | 'known-already'
  | 'not-a-neighbour'
  | 'not-asked'
  | 'a-fault'
  | 'a-lie';

/** The trainer's process lives, however busy it is. */
interface Alive {
  readonly kind: 'alive';
  readonly key: string;
  readonly instance: string;
}

export interface Received {
  readonly kind: 'message';
  readonly from: string;
  readonly message: Message;
  /** Of `ready`: `false` where the signature does not hold; of `dispute`: what its evidence says. */
  readonly proof?: Proof;
  /** Hash of the evidence of a dispute, which itself is left out. */
  readonly evidence?: string;
  /** Of `member`: an operator has listed the key, which no invite let in. */
  readonly vouched?: boolean;
  /** Another synchronizer has taken it: the name of a trainer is given, a probe was asked for. */
  readonly taken?: boolean;
}

/** Of messages only heartbeats. */
export type SignOfLife = Alive | Received;

export function isSignOfLife(event: SynchronizerEvent): event is SignOfLife {
  return event.kind === 'alive' || (event.kind === 'message' && event.message.type === 'heartbeat');
}

export type SynchronizerEvent =
  /** @param full there is no room for parts of snapshots: waiting for it does not count as late */
  | { readonly kind: 'tick'; readonly full?: boolean }
  | Received
  | { readonly kind: 'disconnected'; readonly key: string }
  | Alive
  /** One after the other: each event copies the table of members, and a thousand of them give 4,000 signs a second. */
  | { readonly kind: 'signs'; readonly signs: readonly SignOfLife[] }
  /** The gateway's view of a trainer's link. */
  | { readonly kind: 'measured'; readonly key: string; readonly link: Omit<MeasuredLink, 'at'> }
  | { readonly kind: 'deploy'; readonly deployment: Deployment; readonly hash: string }
  | { readonly kind: 'stop'; readonly run: string }
  /**
   * Of a part that was to be verified. @param problem what is wrong with it; its owner lied, unless it is `damaged` or
   * `plan`
   */
  | {
      readonly kind: 'verified';
      readonly run: string;
      readonly term: number;
      readonly shard: number;
      readonly calls: number;
      readonly problem?: string;
      /** How far its weights have moved since an earlier part, where that is known. */
      readonly moved?: MovedSince;
    }
  /** The checks from the weights of that manifest: values in the deployment's order, or why there are none. */
  | {
      readonly kind: 'checked';
      readonly run: string;
      readonly calls: number;
      /** Null where a prediction was not finite. */
      readonly values?: readonly (number | null)[];
      readonly problem?: string;
    }
  /** The secret of the term, by which its stretches are drawn. */
  | { readonly kind: 'pledged'; readonly run: string; readonly term: number; readonly secret: string }
  /** Of the shards of one trainer: what comes out where their stretch is done again. */
  | {
      readonly kind: 'audited';
      readonly run: string;
      readonly term: number;
      readonly from: number;
      readonly trainer: string;
      /** The trainer that has done it again; absent: the synchronizer has. */
      readonly auditor?: string;
      readonly verdict: AuditOutcome;
      /** Compared to the bit: what was signed comes out, or it does not. */
      readonly exact?: boolean;
      readonly shard?: number;
      readonly call?: number;
      readonly what?: string;
      readonly first?: FirstWrong;
      readonly why?: string;
    }
  | { readonly kind: 'drain'; readonly name: string }
  /** The key may not train any more: what it owns is in other hands at once. */
  | { readonly kind: 'expelled'; readonly key: string; readonly reason: string }
  /** A part of this manifest is gone, or is not what its name says. */
  | { readonly kind: 'manifest-damaged'; readonly run: string; readonly calls: number }
  | { readonly kind: 'close' }
  /** It leads the run from here on. */
  | { readonly kind: 'leads'; readonly run: StoredRun }
  /** Another one leads the run, and has stored it so. */
  | { readonly kind: 'follows'; readonly run: StoredRun }
  /** Others have changed what trainers are given. */
  | { readonly kind: 'allotted'; readonly version: number; readonly lines: Allotments }
  /** There is no such run. */
  | { readonly kind: 'absent'; readonly run: string }
  /** A later run, which another one leads, has begun while this one waited. */
  | { readonly kind: 'overtaken'; readonly run: string }
  /** What was voted is in force from here on. */
  | { readonly kind: 'governed'; readonly auditRate: number }
  /** It leads the mesh from here on, or no longer. */
  | { readonly kind: 'presides'; readonly presides: boolean }
  /** A placement was not to be had: the run is stored as before, and nothing of that term was told. */
  | { readonly kind: 'outbid'; readonly term: number; readonly before: StoredRun };

export type SynchronizerEffect =
  /** Of several synchronizers: nothing of that term happens unless it is to be had. @param knowing which version */
  | {
      readonly kind: 'allot';
      readonly run: string;
      readonly term: number;
      readonly line: Allotment | undefined;
      readonly knowing: number;
    }
  /** Of several synchronizers: to the leader of a run that waits, behind which one has begun that was deployed later. */
  | { readonly kind: 'overtook'; readonly run: string }
  /** Durable before the effects behind it. */
  | { readonly kind: 'persist'; readonly run: string; readonly value: StoredRun }
  | { readonly kind: 'send'; readonly to: string; readonly message: Message }
  | { readonly kind: 'log'; readonly run: string; readonly event: RunEvent & { readonly time: number } }
  /** Look whether the blob of a part is what the part says, and is the owner's word: `verified` answers. */
  | { readonly kind: 'verify'; readonly owner: string; readonly part: Omit<Part, 'type'> }
  /** Compute the checks from these weights: `checked` answers. */
  | { readonly kind: 'check'; readonly run: string; readonly calls: number; readonly parts: readonly string[] }
  /** Make the secret of the term: `pledged` answers. */
  | { readonly kind: 'pledge'; readonly run: string; readonly term: number }
  /** Do the stretch of these shards again: `audited` answers. */
  | AskedAudit
  /** Word for the ledger. */
  | { readonly kind: 'verdict'; readonly verdict: AuditVerdict }
  | { readonly kind: 'audits-over'; readonly over: AuditsOver }
  /** The key may nothing in this mesh any more. */
  | { readonly kind: 'revoke'; readonly key: string; readonly run: string; readonly reason: string }
  /** Kept without being told. */
  | { readonly kind: 'keep'; readonly stream: string; readonly value: unknown }
  /** The trainer has to begin its connection again. */
  | { readonly kind: 'reconnect'; readonly key: string }
  /** The trainer may go. */
  | { readonly kind: 'dismiss'; readonly key: string };

export interface AskedAudit
  extends Pick<Audit, 'term' | 'from' | 'to' | 'trainer' | 'shards' | 'second' | 'seed' | 'auditor'> {
  readonly kind: 'audit';
  readonly run: string;
  /** Keys of the term's owners, by shard. */
  readonly owners: readonly string[];
  /** Where the term began, and the hashes of the shards' states there. */
  readonly begins: { readonly calls: number; readonly hashes: readonly string[] };
}

export interface Step {
  readonly state: SynchronizerState;
  readonly effects: readonly SynchronizerEffect[];
  /** Why the message had no effect of its own. */
  readonly refused?: Refusal;
}

export function storedOf(run: RunState): StoredRun {
  const { deployment, hash, phase, term, owners, instances, manifests, rows, checks, reason, created } = run;
  const { faults, excluded, disputes, trained, differences, manifestAt, version, checkingFrom, checked } = run;
  const { overtaken, marks, audits, since, empty, lost } = run;
  return {
    ...{ deployment, hash, phase, term, owners, instances, manifests, rows, checks, reason, created },
    ...{ faults, excluded, disputes, trained, differences },
    ...(manifestAt === undefined ? {} : { manifestAt }),
    ...(version === undefined ? {} : { version }),
    ...(checkingFrom === undefined ? {} : { checkingFrom }),
    ...(checked === undefined ? {} : { checked }),
    ...(overtaken === undefined ? {} : { overtaken }),
    ...(marks === undefined ? {} : { marks }),
    ...(audits === undefined ? {} : { audits: storedAudits(audits) }),
    ...(since === undefined ? {} : { since }),
    ...(empty === undefined ? {} : { empty }),
    ...(lost === undefined ? {} : { lost }),
  };
}

/** Values that a run begins with, and that older versions have not written down. */
export const UNTROUBLED = { faults: [], excluded: [], disputes: [], trained: [], differences: 0 } as const;

/** A run as an older version has kept it: ownership's `term` was called `epoch`. */
export function upgraded(stored: { readonly epoch?: unknown; readonly term?: unknown }): object {
  const { epoch, ...rest } = stored;
  return { ...UNTROUBLED, ...rest, term: rest.term ?? epoch ?? 0 };
}

/** Knowledge of a term when it begins. */
export function freshTerm(now: number) {
  const progress: Progress = { since: now, shards: {}, slowest: { calls: 0, at: now }, measured: {} };
  return { exchanges: {}, parts: {}, verifying: 0, commits: {}, reports: {}, pausing: {}, progress } as const;
}

export function runFrom(stored: StoredRun, now: number): RunState {
  return { ...stored, ...freshTerm(now), haltInto: 'stopped', haltSince: now, clock: now };
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
