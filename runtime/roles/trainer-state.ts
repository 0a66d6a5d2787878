/** Knowledge of a trainer about its shards, its events, and its requests to the world around it. */
import type { Call } from '../training/calls.ts';
import type { Deployment } from '../wire/deployment.ts';
import type { Assign, Commit, Dispute, Exchange, Message, Part, Pledge, Sealed } from '../wire/messages.ts';

export interface ShardId {
  readonly run: string;
  readonly term: number;
  readonly shard: number;
}

export type ShardPhase =
  | 'loading'
  /** Loaded; waits for the word to start. */
  | 'ready'
  /** The device works, or could. */
  | 'running'
  /** Nothing goes on before a neighbour's frame is here. */
  | 'waiting'
  | 'saving'
  /** Stops at the end of a call until it is told where all stop. */
  | 'paused'
  | 'finished'
  | 'failed';

export interface HostedShard extends ShardId {
  readonly phase: ShardPhase;
  /** Set when it is loaded. */
  readonly deployment?: Deployment;
  /** Calls done. */
  readonly calls: number;
  /** Calls begun: more than one may be under way where a batch begins ahead of the one before it. */
  readonly begun: number;
  /** A frame came while the device worked. */
  readonly news: boolean;
  readonly advancing: boolean;
  /** Behind this call it stops. */
  readonly stopAt: number;
  readonly exchange?: Exchange;
  /** The newest one that is in no manifest yet: it may be lost with a connection. */
  readonly part?: Message;
  /** Calls behind which its state was taken for a part that is not stored yet; it goes on meanwhile. */
  readonly storing?: number;
  readonly reason: string;
  /** A border cannot go on: the shard neither works nor fails before a new term begins. */
  readonly dispute?: Grievance;
  /** Signed states that the synchronizer does not know yet, and the newest one that it was told of. */
  readonly commits: Commit['states'];
  readonly newest?: Commit['states'][number];
  /** As of its last report. */
  readonly meter?: Meter;
  /** As of the last look at it. */
  readonly pace?: Pace;
  /** Of schedule `async`: the term in which it was opened; it may have gone on into later ones. */
  readonly opened?: number;
  /** It is behind its neighbours: goes on behind this call, and saves at each cut before it. */
  readonly target?: number;
  /** The checks begin anew behind this call, when its work of now is over. */
  readonly back?: number;
  /** It waits until all shards have ended the epoch. */
  readonly atEnd?: true;
}

/** How long a shard waits between two moves. */
export interface Pace {
  readonly ticks: number;
  readonly calls: number;
  /** Bytes that had come. */
  readonly received: number;
  /** Milliseconds of the trainer's clock: when it last moved, and when it last moved or asked. */
  readonly since: number;
  readonly from: number;
  /** Milliseconds between two moves: a quarter of them lately came sooner. */
  readonly usual: number;
  /** How often it has asked since. */
  readonly asked: number;
}

/** How far a shard was when it was last measured. */
export interface Meter {
  readonly ticks: number;
  readonly busy: number;
  readonly at: number;
  /** When it last went on, or was being brought frames. */
  readonly since: number;
  readonly calls: number;
  /** Bytes that had come. */
  readonly received: number;
}

/** Counts of a loaded shard since it was loaded, and what holds it up now. */
export interface Measure {
  readonly ticks: number;
  /** Of device work. */
  readonly busyMilliseconds: number;
  /** The thing that it waits for, in words; nothing while its device works. */
  readonly awaits: string;
  /** Shards whose frames it waits for. */
  readonly waits: readonly number[];
  readonly bytesSent: number;
  readonly bytesReceived: number;
  /** Borders with shards of other trainers, and how many of them are direct. */
  readonly borders: number;
  readonly direct: number;
}

/** All that a trainer can say of itself at one moment. */
export interface Measured {
  readonly now: number;
  /** By name; those that are not loaded are missing. */
  readonly shards: Readonly<Record<string, Measure>>;
  /** Frames, packets and keys refused since the process began. */
  readonly refused: number;
}

/** With whom, about what, and the proof of it. */
export type Grievance = Pick<Dispute, 'peer' | 'call' | 'what' | 'evidence'>;

/** Stored, and signed by this trainer. */
export interface SavedPart extends Pick<Part, 'blob' | 'hash' | 'totals' | 'signature'> {
  /** For which it was signed. */
  readonly term?: number;
}

/** Outcome of a step of a shard; `behind`: its neighbours have gone on without it. */
export type Outcome = 'send' | 'needs' | 'done' | 'idle' | 'behind';

export interface TrainerState {
  readonly connected: boolean;
  readonly shards: Readonly<Record<string, HostedShard>>;
  /** Messages that must arrive and wait for the next connection. */
  readonly unsent: readonly Message[];
  /** It wants to go. */
  readonly leaving: boolean;
  /** The mesh wants its stretches sealed. */
  readonly audits?: boolean;
  /** Seals that it does not know yet; absent: none. */
  readonly seals?: readonly Sealed[];
}

export type TrainerEvent =
  | { readonly kind: 'connected'; readonly measured: Measured }
  | { readonly kind: 'disconnected' }
  | { readonly kind: 'message'; readonly message: Message }
  /** Every heartbeat. */
  | { readonly kind: 'tick'; readonly measured: Measured }
  /** Much more often, while a shard waits. */
  | { readonly kind: 'look'; readonly measured: Measured }
  /** Its user wants it to leave. */
  | { readonly kind: 'leaving' }
  /** Device, data and state are there. @param calls of the state that it begins from */
  | { readonly kind: 'opened'; readonly at: ShardId; readonly deployment: Deployment; readonly calls: number }
  /** A fresh key for its borders. */
  | { readonly kind: 'offered'; readonly at: ShardId; readonly exchange: Exchange }
  /** @param commits what it has signed on the way */
  | {
      readonly kind: 'advanced';
      readonly at: ShardId;
      readonly outcome: Outcome;
      readonly commits?: Commit['states'];
      /** Of `behind`: calls that they have made. */
      readonly to?: number;
    }
  /** It has bound itself: to a number, or to a stretch that is over. */
  | { readonly kind: 'bound'; readonly at: ShardId; readonly message: Pledge | Sealed }
  /** A frame was delivered to the shard, or room was made for its own. */
  | { readonly kind: 'news'; readonly at: ShardId }
  /** Its state was taken for a snapshot: the shard may go on. @param commits states that it has signed with it */
  | {
      readonly kind: 'kept';
      readonly at: ShardId;
      readonly calls: number;
      readonly commits?: Commit['states'];
    }
  /** The part with that state is stored in the mesh. */
  | {
      readonly kind: 'saved';
      readonly at: ShardId;
      readonly calls: number;
      readonly part: SavedPart;
      readonly measured: Measured;
    }
  /** A neighbour has broken a rule of the border. */
  | { readonly kind: 'disputed'; readonly at: ShardId; readonly dispute: Grievance }
  | { readonly kind: 'failed'; readonly at: ShardId; readonly code: string; readonly reason: string };

export type TrainerEffect =
  | { readonly kind: 'send'; readonly message: Message }
  /** Load what the shard needs and fill its state; what is loaded already may stay. */
  | {
      readonly kind: 'open';
      readonly at: ShardId;
      readonly deployment: string;
      readonly restore?: Assign['shards'][number]['restore'];
    }
  /** It goes on in a new term as it is, under new keys. */
  | { readonly kind: 'go-on'; readonly at: ShardId }
  /** The checks begin anew: calls under way are given up. @param calls behind which */
  | { readonly kind: 'rewind'; readonly at: ShardId; readonly calls: number }
  /** Calls before this one are given up. */
  | { readonly kind: 'skip'; readonly at: ShardId; readonly calls: number }
  /** As the message of that name says. */
  | {
      readonly kind: 'away';
      readonly at: ShardId;
      readonly shards: readonly number[];
      readonly lost: readonly number[];
    }
  /** Forget the shard. */
  | { readonly kind: 'close'; readonly at: ShardId }
  /** Make a fresh key for its borders. */
  | { readonly kind: 'offer'; readonly at: ShardId }
  /** New keys of the others. */
  | { readonly kind: 'peers'; readonly at: ShardId; readonly peers: readonly Exchange[] }
  /** Queue a call. @param number of the call */
  | { readonly kind: 'begin'; readonly at: ShardId; readonly callIndex: number; readonly call: Call }
  | { readonly kind: 'advance'; readonly at: ShardId }
  /** Ask the neighbours for what may have been lost. */
  | { readonly kind: 'resume'; readonly at: ShardId }
  /** The state after so many calls: kept, and sent. @param last sums of the epoch end here */
  | { readonly kind: 'save'; readonly at: ShardId; readonly calls: number; readonly last: boolean }
  /** Parts and windows before the last but one manifest are not needed any more. */
  | { readonly kind: 'forget'; readonly at: ShardId; readonly before: number }
  | { readonly kind: 'leave'; readonly reason: string };

export interface TrainerStep {
  readonly state: TrainerState;
  readonly effects: readonly TrainerEffect[];
}

export const EMPTY_TRAINER: TrainerState = { connected: false, shards: {}, unsent: [], leaving: false };

export function shardName({ run, shard }: Pick<ShardId, 'run' | 'shard'>): string {
  return `${run}/${shard}`;
}
