/**
 * Needs of a trainer's driver from the world: a link to the mesh, a clock, and shards that do the work. A node gives it
 * sockets and devices, a simulation gives it a network and times that are made up.
 */
import type { Grievance, Measure, Outcome, SavedPart, ShardId } from '../roles/trainer-state.ts';
import type { Call } from '../training/calls.ts';
import type { Frame } from '../training/frame.ts';
import type { Way } from '../wire/channel.ts';
import type { Deployment } from '../wire/deployment.ts';
import type { Assign, Commit, Exchange, Message, Pledge, Sealed } from '../wire/messages.ts';
import type { Ending } from './ending.ts';

/** Owner of a neighbouring shard. */
export interface Neighbour {
  readonly key: string;
  readonly address?: string;
  readonly machine?: string;
}

/** Sends messages. One that is sent without a connection is lost: the driver sends those that may be, and keeps others. */
export interface LinkPort {
  /** To the synchronizer. */
  readonly send: (message: Message) => void;
  /** A border packet for another trainer. @param to its key @param left the packet is not read from now on */
  readonly carry: (packet: Uint8Array, to: string, left?: () => void) => void;
  /** With whom its shards have borders now. */
  readonly meet: (neighbours: readonly Neighbour[]) => void;
  /** Packets that it has refused. */
  readonly refused: () => number;
  /** The mesh has no use for this trainer. */
  readonly leave: (reason: string) => void;
}

export interface ClockPort {
  /** Milliseconds since any moment. */
  readonly now: () => number;
  /** @returns ends it */
  readonly every: (milliseconds: number, what: () => void) => () => void;
}

export interface HostPort<S extends DrivenShard> {
  /** Device, data and program of a shard. @param deployment hash of its record */
  readonly open: (at: ShardId, deployment: string, calls: ShardCalls, ending: Ending<S>) => void;
  /** @param shard missing where it was never opened */
  readonly close: (at: ShardId, shard: S | undefined, ending: Ending<void>) => void;
}

/** Calls of a shard to its driver. */
export interface ShardCalls {
  readonly carry: LinkPort['carry'];
  /** A frame for another shard of the same trainer. @returns why it was refused */
  readonly handOver: (to: number, frame: Frame, term: number) => string | undefined;
  /** The shard has bound itself to a number, or to a stretch. */
  readonly bound: (message: Pledge | Sealed) => void;
  /** Something was delivered, or there is room again. */
  readonly news: () => void;
  /** The border with a neighbour cannot go on: the shard waits for the next term. */
  readonly dispute: (dispute: Grievance & { readonly reason: string }) => void;
}

/** A shard with its device, its data and its borders. Its driver has it do one piece of work at a time. */
export interface DrivenShard {
  readonly deployment: Deployment;
  readonly term: number;
  /** Of the shards beyond its borders. */
  readonly owners: readonly Neighbour[];
  readonly offer: () => Exchange;
  readonly setPeers: (peers: readonly Exchange[]) => void;
  readonly begin: (callIndex: number, call: Call) => void;
  readonly forget: (before: number) => void;
  readonly requestResume: () => void;
  /** A border packet of another trainer. */
  readonly receive: (from: number, packet: Uint8Array, way: Way) => void;
  /** A frame of another shard of the same trainer. @returns why it was refused */
  readonly deliver: (frame: Frame) => string | undefined;
  readonly measure: () => Measure & { readonly refused: number };
  /** Signed states since they were last taken. */
  readonly takeCommits: () => Commit['states'];
  readonly restore: (term: number, from: Assign['shards'][number]['restore'], ending: Ending<void>) => void;
  readonly advance: (ending: Ending<Outcome>) => void;
  /** Of schedule `async`: calls that its neighbours have made without it, behind an outcome `behind`. */
  readonly behind?: number;
  /** As the effects of these names; absent: it trains in no schedule that needs them. */
  readonly goOn?: (term: number) => void;
  readonly rewind?: (calls: number) => void;
  readonly skip?: (calls: number) => void;
  readonly setAway?: (shards: readonly number[], lost: readonly number[]) => void;
  /** @param kept called once, when its state was taken: it may go on while that is being stored */
  readonly save: (calls: number, last: boolean, kept: () => void, ending: Ending<SavedPart>) => void;
  /** Whether neighbours have still to sign something of a stretch that is over; absent: none is recorded. */
  readonly isUnsigned?: () => boolean;
}

export interface TrainerPorts<S extends DrivenShard> {
  readonly link: LinkPort;
  readonly clock: ClockPort;
  readonly host: HostPort<S>;
  readonly log: (event: Readonly<Record<string, unknown>>) => void;
}
