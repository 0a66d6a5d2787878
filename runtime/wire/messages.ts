/** Control messages by type (spec/message.schema.json has the same as schemas). */
import type { Costs } from '../../spec/costs.ts';
import type { AuditOrder, Mismatch, Outputs } from './audit-messages.ts';
import type { Away } from './away.ts';
import type { Deployment } from './deployment.ts';
import type { RootEvidence, ValuesEvidence } from './evidence.ts';
import type { HeldBorder } from './held-border.ts';
import type { StretchName, Ticket } from './ticket.ts';

/** Offer of a trainer. Measured where it can be; 0 where it is not known. */
export interface Capability {
  readonly cores: number;
  /** Bytes that shards may use. */
  readonly memory: number;
  /** FLOP/s of the device, shared by all trainers of one machine. */
  readonly rate: number;
  /** Bytes a second that borders may take, as its owner says; 0: as many as its link carries. */
  readonly upload: number;
  readonly download: number;
  /** Trainers of one machine share its capability. */
  readonly machine: string;
  /** Where it stands in the network: trainers of one place have no link between them. Absent: its machine. */
  readonly place?: string;
  readonly costs?: Costs;
  /** Milliseconds to the synchronizer and back. */
  readonly roundTrip?: number;
}

/** First message of a trainer. */
export interface Member {
  readonly type: 'member';
  readonly name: string;
  /** Drawn when the process begins: another one under the same key has lost what it computed. */
  readonly instance: string;
  readonly pid?: number;
  /** Of the program: shards of one run go to one version only. */
  readonly version?: string;
  readonly capability: Capability;
  /** It brings records of stretches when they are wanted. */
  readonly records?: true;
  /** It does a stretch again where its record is wanted so. */
  readonly again?: true;
  /** It seals its stretches where `admitted` says that they are wanted. */
  readonly audits?: true;
  /** It does stretches of others again that were computed on this class of device (`classHash`). */
  readonly auditor?: string;
  /** Where other trainers reach it; it then measures the ways between them, when it is told to. */
  readonly listen?: string;
}

/** To two idle trainers, of each other: measure the way between you. */
export interface Measure {
  readonly type: 'measure';
  readonly key: string;
  readonly address: string;
  /** An address of loopback concerns this machine only. */
  readonly machine: string;
}

/** What `measure` has asked for, as this end has seen it. */
export interface Measured {
  readonly type: 'measured';
  readonly key: string;
  /** Bytes a second to the other one, and from it. */
  readonly sent: number;
  readonly received: number;
  /** Milliseconds. */
  readonly roundTrip: number;
}

export interface ShardReport {
  readonly run: string;
  readonly term: number;
  readonly shard: number;
  readonly state: 'loading' | 'ready' | 'running' | 'waiting' | 'finished' | 'failed';
  /** Calls done since the run began. */
  readonly calls: number;
  readonly ticksPerSecond: number;
  /** Share of time in device work since the last report, 0 … 1. */
  readonly busy: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  /** The thing that it waits for, in words. */
  readonly reason: string;
  /** Borders with shards of other trainers, and how many of them are direct. */
  readonly borders?: number;
  readonly direct?: number;
  /** The limit of its rate: `work`, or what it waits for most of the time. */
  readonly limit?: string;
  /** Shards whose frames it waits for; empty while its device works. */
  readonly waits?: readonly number[];
}

export interface Heartbeat {
  readonly type: 'heartbeat';
  readonly shards: readonly ShardReport[];
  /** Border frames refused since the process began. */
  readonly refused: number;
}

/** An ephemeral X25519 key of one shard's owner, for its borders. */
export interface Exchange {
  readonly shard: number;
  /** Of the owner. */
  readonly key: string;
  /** Counts the owner's keys for this shard: one of a lower number was replaced. */
  readonly number: number;
  /** X25519, hexadecimal. */
  readonly exchange: string;
  /** The owner's, over run, term, shard, number and exchange. */
  readonly sig: string;
  /** Where the owner can be dialled by its neighbours, if it can. */
  readonly listen?: Listen;
}

export interface Listen {
  /** HOST:PORT. */
  readonly address: string;
  /** An address of loopback concerns this machine only. */
  readonly machine: string;
  /** The owner's, over run, term, shard, key, address and machine. */
  readonly sig: string;
}

export interface Ready {
  readonly type: 'ready';
  readonly run: string;
  readonly term: number;
  readonly exchange: Exchange;
}

/** One shard's part of a snapshot: its state after `calls` calls. */
export interface Part {
  readonly type: 'part';
  readonly run: string;
  readonly term: number;
  readonly shard: number;
  readonly calls: number;
  readonly blob: string;
  /** Of the state, as in the commitment after the last weight step. */
  readonly hash: string;
  /** Sums since the training epoch began, by name. */
  readonly totals: Readonly<Record<string, number>>;
  /** The owner's, over all of it (`part.ts`): it holds beyond the connection, whose `sig` is another one. */
  readonly signature: string;
}

/** State hashes after weight steps, each signed for itself. */
export interface Commit {
  readonly type: 'commit';
  readonly run: string;
  readonly term: number;
  readonly shard: number;
  readonly states: readonly { readonly calls: number; readonly hash: string; readonly sig: string }[];
}

/**
 * Binds to a number before it is told: a shard to the one for the stretch that begins behind `from` calls, the
 * synchronizer to its secret of the term. A later stretch is pledged by the seal before it.
 */
export interface Pledge {
  readonly type: 'pledge';
  readonly run: string;
  readonly term: number;
  /** Absent: the synchronizer's. */
  readonly shard?: number;
  readonly from: number;
  readonly pledge: string;
}

/** A stretch of a shard is over, and its record complete: nothing of it can be changed any more. */
export interface Seal {
  /** Calls before it, and behind it. */
  readonly from: number;
  readonly calls: number;
  /** At its end, signed. */
  readonly state: Commit['states'][number];
  /** Over all windows of its borders. */
  readonly windows: string;
  /** Its number for the draw, and the pledge of the one for the next stretch. */
  readonly nonce: string;
  readonly next: string;
  /** Of its neighbours' frames; absent: it has not looked. */
  readonly seen?: readonly SeenBorder[];
  /** How it has held them; absent: the run has no bounds. */
  readonly held?: readonly HeldBorder[];
}

/** What a shard has seen of the frames of one message of a neighbour, in one stretch. */
export interface SeenBorder {
  /** `Message.id`, and the shard that it comes from. */
  readonly message: number;
  readonly from: number;
  readonly frames: number;
  /** Root of the mean square of the values, and the largest amount. */
  readonly rms: number;
  readonly largest: number;
  /** Shares of the values: those that are zero, and those that lie beyond the range that the plan gives them. */
  readonly zeros: number;
  readonly beyond: number;
  /** Shares of the frames: those that the same message had before, and those that another shard has sent. */
  readonly repeated: number;
  readonly copied: number;
  /** The direction of the sum of all frames: each value in one of so many places, by its place in the frame. */
  readonly sketch: readonly number[];
}

/** Of one shard, in their order. */
export interface Sealed {
  readonly type: 'sealed';
  readonly run: string;
  readonly term: number;
  readonly shard: number;
  readonly seals: readonly Seal[];
}

/** The record of a stretch is in the mesh, or the trainer does not keep it. */
export interface Recorded extends StretchName {
  readonly type: 'record';
  readonly blob?: string;
  /** It is what was wanted `again`; `later`: there is no memory for it now. */
  readonly again?: 'shown' | 'later';
}

/** To the trainer of a stretch: the bearer of the ticket wants its record. */
export interface Wanted {
  readonly type: 'wanted';
  readonly ticket: Ticket;
  /** Not the record itself is wanted. */
  readonly again?: Again;
}

/** The stretch of these shards is to be done again, and bound to; with `step` that is to be shown. */
export interface Again {
  readonly shards: readonly number[];
  readonly step?: number;
}

export interface Failed {
  readonly type: 'failed';
  readonly run: string;
  readonly term: number;
  readonly shard: number;
  readonly code: string;
  readonly reason: string;
}

/** The border with a neighbour cannot go on; the shard waits for the next term. */
export interface Dispute {
  readonly type: 'dispute';
  readonly run: string;
  readonly term: number;
  readonly shard: number;
  /** The shard beyond the border. */
  readonly peer: number;
  readonly call: number;
  /**
   * Values that no honest shard sends; a window of other packets; packets that cannot be read, which proves nothing.
   */
  readonly what: 'values' | 'root' | 'border';
  /** Statements that the peer has signed: they prove who lied. */
  readonly evidence?: ValuesEvidence | RootEvidence;
}

/** A trainer wants to go: its shards are handed over first. */
export interface Leave {
  readonly type: 'leave';
}

export interface Admitted {
  readonly type: 'admitted';
  readonly name: string;
  /** Milliseconds between heartbeats, and after which a silent trainer counts as gone. */
  readonly heartbeat: number;
  readonly lapse: number;
  /** `probe` may be asked. */
  readonly probes?: boolean;
  /** Stretches are to be sealed. */
  readonly audits?: boolean;
  /** Addresses of all gateways of the mesh, which have one key: where the trainer goes when this one is away. */
  readonly gateways?: readonly string[];
}

/** These shards are the trainer's in this term; whatever else it had of the run is not. */
export interface Assign {
  readonly type: 'assign';
  readonly run: string;
  readonly term: number;
  readonly deployment: string;
  readonly shards: readonly {
    readonly shard: number;
    /** State to begin from; the initial one where it is missing. */
    readonly restore?: {
      readonly calls: number;
      readonly blob: string;
      readonly totals: Readonly<Record<string, number>>;
    };
    /** Of schedule `async`: it goes on where it is; `restore` is for a trainer that has lost it. */
    readonly goesOn?: true;
  }[];
}

/** Who owns which shard now, with fresh keys. */
export interface Peers {
  readonly type: 'peers';
  readonly run: string;
  readonly term: number;
  readonly peers: readonly Exchange[];
}

/** All shards are ready: begin behind `calls`. */
export interface Start {
  readonly type: 'start';
  readonly run: string;
  readonly term: number;
  readonly calls: number;
}

/** A complete snapshot is durable. */
export interface Manifest {
  readonly type: 'manifest';
  readonly run: string;
  readonly term: number;
  readonly calls: number;
}

/** Say behind which call you can stop, and stop there until told more. */
export interface Pause {
  readonly type: 'pause';
  readonly run: string;
  readonly term: number;
}

/** The answer of each shard: the end of the call under way. */
export interface Pausing {
  readonly type: 'pausing';
  readonly run: string;
  readonly term: number;
  readonly shard: number;
  readonly calls: number;
}

/** Go on to the end of this call, save there, and wait. */
export interface Halt {
  readonly type: 'halt';
  readonly run: string;
  readonly term: number;
  readonly calls: number;
}

/** The trainer owns nothing of this run any more. */
export interface Release {
  readonly type: 'release';
  readonly run: string;
  readonly term: number;
}

/** Go: what was yours is in other hands. */
export interface Dismissed {
  readonly type: 'dismissed';
  readonly reason: string;
}

/** A request of an operator, a viewer, or a trainer (blobs). */
export interface Ask {
  readonly type: 'ask';
  readonly id: number;
  readonly ask: Question;
}

export type Question =
  /** @param from runs, shards and trainers that earlier pages had */
  | { readonly what: 'status'; readonly from?: number }
  | { readonly what: 'deploy'; readonly deployment: Deployment }
  | { readonly what: 'stop'; readonly run: string }
  | { readonly what: 'run'; readonly run: string }
  | { readonly what: 'logs'; readonly run: string; readonly from: number }
  /** Pieces of the recording of what entered the synchronizer while the run was active. */
  | { readonly what: 'events'; readonly run: string; readonly from: number }
  /** Records of the ledger of the mesh. */
  | { readonly what: 'ledger'; readonly from: number }
  /** Of an operator: tokens for a run. */
  | { readonly what: 'fund'; readonly funds: SignedFunds }
  /** Of any listed key: an entry of the ledger that its author has signed. */
  | { readonly what: 'order'; readonly order: SignedOrder }
  /** Of any listed key: two records of one number in the ledger, both signed by the mesh. */
  | { readonly what: 'fork'; readonly heads: readonly LedgerHead[] }
  /** Listed keys and open invites, those behind `after` in the order of their keys. */
  | { readonly what: 'keys'; readonly after: string }
  /** @property fresh: not where it was revoked or has expired */
  | {
      readonly what: 'allow';
      readonly key: string;
      readonly role: 'operator' | 'trainer' | 'viewer';
      readonly fresh?: boolean;
    }
  | { readonly what: 'revoke'; readonly key: string }
  /** So many milliseconds from now it may nothing any more. */
  | { readonly what: 'expire'; readonly key: string; readonly milliseconds: number }
  /** Its secret stays with the asking side: this is its public key. */
  | {
      readonly what: 'invite';
      readonly id: string;
      readonly key: string;
      readonly uses: number;
      readonly milliseconds: number;
    }
  | { readonly what: 'drain'; readonly trainer: string }
  | { readonly what: 'shutdown' }
  /** Removes the blobs that nothing names any more, or only says which. */
  | { readonly what: 'gc'; readonly dryRun: boolean }
  /** Of a trainer, beside its own connection: the process that drew this instance lives. */
  | { readonly what: 'alive'; readonly instance: string }
  /** Of a trainer that is idle: how many bytes the gateway wants to measure its link by. */
  | { readonly what: 'probe' }
  | { readonly what: 'missing'; readonly blobs: readonly string[] }
  | { readonly what: 'get'; readonly blob: string }
  | { readonly what: 'put'; readonly blob: string; readonly bytes: number }
  /** Of an operator: the right to one record. @property bearer a key; absent: the one who asks */
  | ({ readonly what: 'ticket'; readonly bearer?: string } & StretchName)
  /** Of the ticket's bearer: the blob of the record, which it may get then. */
  | { readonly what: 'record'; readonly ticket: Ticket };

/** Issued for a run (`emission`), or given for it by the key that has signed (`escrow`); the same `id` counts once. */
export interface SignedFunds {
  readonly type: 'emission' | 'escrow';
  readonly run: string;
  readonly tokens: number;
  readonly by: string;
  readonly id: string;
  readonly sig: string;
}

/** As `runtime/ledger/orders.ts` has the fields of each type. */
export interface SignedOrder {
  readonly type: string;
}

/** One record of a ledger, and what shows that the seal over it covers it. */
export interface LedgerHead {
  readonly sequence: number;
  readonly hash: string;
  readonly path: readonly string[];
  readonly seal: {
    readonly from: number;
    readonly sequence: number;
    readonly head: string;
    readonly records: string;
    readonly root: string;
    readonly by: string;
    readonly sig: string;
  };
}

export interface Answer {
  readonly type: 'answer';
  readonly id: number;
  readonly answer?: unknown;
  readonly error?: { readonly code: string; readonly message: string; readonly repair?: string };
}

export type FromTrainer =
  | Member
  | Heartbeat
  | Ready
  | Part
  | Pausing
  | Commit
  | Failed
  | Dispute
  | Leave
  | Recorded
  | Pledge
  | Sealed
  | Outputs
  | Measured;
export type ToTrainer =
  | Admitted
  | Assign
  | Away
  | Peers
  | Start
  | Manifest
  | Pause
  | Halt
  | Release
  | Dismissed
  | Wanted
  | AuditOrder
  | Pledge
  | Mismatch
  | Measure;
export type Message = FromTrainer | ToTrainer | Ask | Answer;
