/** What the one who leads runs is given: ways to trainers, the store, and the others where there are several. */
import type { Backplane } from '../backplane/backplane.ts';
import type { KeyPair } from '../identity/ed25519.ts';
import type { StoredRun } from '../roles/synchronizer-state.ts';
import type { Message } from '../wire/messages.ts';
import type { Checker } from './checker.ts';
import type { FencedBackplane } from './fenced-backplane.ts';
import type { GatewayCounters } from './gateway.ts';
import type { LedgerKeeperOptions } from './ledger-keeper.ts';
import type { Membership } from './membership.ts';

/** The ways to trainers, wherever they are connected. */
export interface Trainers {
  /** @returns whether the trainer is connected */
  readonly send: (to: string, message: Message) => boolean;
  readonly dismiss: (key: string, reason: string) => void;
}

export interface LeadingOptions {
  readonly keys: KeyPair;
  readonly backplane: Backplane & Partial<Pick<FencedBackplane, 'meet' | 'part'>>;
  readonly membership: Membership;
  /** Of the program. */
  readonly version?: string;
  /** Its process outlives the one who leads. */
  readonly checker?: Omit<Checker, 'close'>;
  readonly trainers: Trainers;
  readonly counters: () => GatewayCounters;
  readonly refusedAge: () => Readonly<Record<string, number>>;
  /** Ends what a key may not have any more. */
  readonly review: (key: string, reason: string) => void;
  /** A blob is gone. */
  readonly removed: (hash: string) => void;
  /** A run is as durable as this. */
  readonly stored: (run: StoredRun) => void;
  readonly several?: SeveralLeaders;
  /** How often the ledger is looked at, and sealed. */
  readonly ledger?: Pick<LedgerKeeperOptions, 'lookMs' | 'sealMs'>;
  readonly log: (event: Readonly<Record<string, unknown>>) => void;
  /** It cannot go on. */
  readonly failed: (error: unknown) => void;
}

/** The others, where there are several synchronizers. */
export interface SeveralLeaders {
  /** A write for this run has failed: it is to be led no longer, before anything else is done for it. */
  readonly lost: (run: string, error: unknown) => void;
  /** To the leader of a run that waits: a later one has begun. */
  readonly overtook: (run: string) => void;
  /** Trainers have been given something else. */
  readonly allotted: () => void;
  /** The record of a run cannot be read: the one that leads it sets it aside. */
  readonly unreadable: (run: string) => void;
  /** A run that has ended, and so has no leader, has lost a snapshot. @returns whether this one leads it now */
  readonly revive: (run: string) => Promise<boolean>;
}
