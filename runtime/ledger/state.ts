/** What a ledger says, entry after entry: accounts of keys, runs with what they may pay, stretches that are pending. */
import type { StretchVerdict } from '../wire/audit-verdict.ts';
import type { Channel } from './channel.ts';
import type { Coverage } from './coverage.ts';
import type { EntryOf, FundsEntry, Seal, SignedRecord } from './entry.ts';
import type { Governance } from './governance.ts';
import { windowFor } from './window.ts';

export interface Account {
  /** All that it was ever granted. */
  earned: bigint;
  /** What it has: granted, come back or paid to it, and not given away. */
  balance: bigint;
  /** Transfers and channels that it has signed, and the signature of the last one. */
  orders: number;
  order: string;
  excluded: boolean;
  /** Where what it withdraws is paid; and what it has withdrawn. */
  address?: string;
  withdrawn: bigint;
  /** Numbers of its entries `pending` that an audit has confirmed, in the order of the audits. */
  readonly matched: number[];
  /** Stretches that it has committed. */
  stretches: number;
  /** The same at each audit that has refuted it, of one or more shards, in their order. */
  readonly mismatches: Map<string, number>;
  /** Stretches that an audit has refuted, pending or not. */
  readonly refuted: Set<string>;
  /** Audits since its last match to which records did not come. */
  readonly undelivered: Set<string>;
  /** What is pending of it, by name of the stretch. */
  readonly pending: Map<string, PendingStretch>;
}

export type Doom = EntryOf<'withheld'>['reason'];

export interface PendingStretch {
  readonly entry: EntryOf<'pending'>;
  /** Number of its entry. */
  readonly sequence: number;
  /** Stretches of its shard that were committed before it. */
  readonly index: number;
  /** The window as it was then. */
  readonly window: number;
  matched: boolean;
  /** What audits have said of it. */
  readonly verdicts: Set<StretchVerdict>;
  /** Why it is not going to be paid. */
  doom?: Doom;
}

export interface ShardLedger {
  /** FLOP of a training call. */
  readonly work: bigint;
  paid: Coverage;
  /** Calls that were withheld from a key, whether another one was paid for them or not. */
  withheld: Coverage;
  stretches: number;
  /** The newest stretch: its term, and where it ended. */
  term: number;
  to: number;
  /** In the order of their entries. */
  readonly pending: Map<string, PendingStretch>;
}

export interface RunLedger {
  readonly entry: EntryOf<'run'>;
  /** FLOP of all training calls of all shards. */
  readonly total: bigint;
  readonly funds: FundsEntry[];
  /** Tokens that it may pay, and has paid. */
  pot: bigint;
  paid: bigint;
  readonly shards: readonly ShardLedger[];
  /** By key: FLOP that were cleared, and tokens for them. */
  readonly cleared: Map<string, { work: bigint; tokens: bigint }>;
  /** By key: FLOP that were cleared, of calls that were paid before. */
  readonly again: Map<string, bigint>;
  /** Keys that have got theirs for that. */
  readonly restored: Set<string>;
  ended: boolean;
  closed: boolean;
}

export interface LedgerState {
  /** Of the last record, and its hash. */
  sequence: number;
  head: string;
  opened: EntryOf<'opened'> | undefined;
  readonly accounts: Map<string, Account>;
  readonly runs: Map<string, RunLedger>;
  /** Those that are open. */
  readonly channels: Map<string, Channel>;
  /** Requests that were taken. */
  readonly ids: Set<string>;
  /** Tokens that were ever issued: by runs that operators list, when they are listed. */
  issued: bigint;
  /** Seals that contradict each other; nothing is paid from then on. */
  fork: readonly SignedRecord[] | undefined;
  seal: Seal | undefined;
  /** Hashes of the records that the next seal covers, the last seal's own record among them. */
  segment: string[];
  /** Records behind the last seal. */
  unsealed: number;
  /** By address: all tokens that were withdrawn to it. */
  readonly withdrawn: Map<string, bigint>;
  /** Addresses that sign roots of that; none: nothing is withdrawn. */
  readonly settlers: Set<string>;
  /** Seals so far. */
  seals: number;
  /** Of a mesh that lets its trainers vote. */
  governance: Governance | undefined;
  /** Of keys that have earned something since the last seal: what their votes weighed at it. */
  readonly weightsAtSeal: Map<string, bigint>;
}

/** Stretches of a shard that follow one before it is paid: as the ledger was opened with, and more at a lower audit rate. */
export function windowOf({ opened, governance }: Pick<LedgerState, 'opened' | 'governance'>): number {
  const { auditRate } = governance?.settings ?? {};
  const first = opened?.window ?? Number.POSITIVE_INFINITY;
  return auditRate === undefined ? first : Math.max(first, windowFor(auditRate));
}

export function accountOf({ accounts }: Pick<LedgerState, 'accounts'>, key: string): Account {
  const known = accounts.get(key);
  if (known) return known;
  const made: Account = {
    ...{ earned: 0n, balance: 0n, withdrawn: 0n, orders: 0, order: '', excluded: false, stretches: 0 },
    ...{ matched: [], mismatches: new Map(), undelivered: new Set(), pending: new Map(), refuted: new Set() },
  };
  accounts.set(key, made);
  return made;
}

/** Of a key that is excluded nothing may be spent. */
export function spendable(account: Account | undefined): bigint {
  return !account || account.excluded ? 0n : account.balance;
}

/** A stretch has one owner in a term, and ends where its state was signed. */
export function stretchId({ run, shard, term, to }: { run: string; shard: number; term: number; to: number }): string {
  return `${run} ${shard} ${term} ${to}`;
}
