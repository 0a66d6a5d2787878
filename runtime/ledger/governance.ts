/** What a ledger knows of votes. */
import type { Settings } from './charter.ts';
import type { EntryOf } from './entry.ts';

export interface Proposal {
  readonly entry: EntryOf<'proposed'>;
  /** Seals before it. */
  readonly seals: number;
  /** By key: what it had earned at the last seal before the proposal. */
  readonly weights: ReadonlyMap<string, bigint>;
  readonly votes: Map<string, EntryOf<'voted'>['vote']>;
  /** Where it has passed: the entry that says so, and the seals before that one. */
  passed?: { readonly sequence: number; readonly seals: number };
}

/** A proposal that is over: as it was decided, or it has lapsed, since another one on the setting has passed before it. */
export interface PastProposal {
  readonly entry: EntryOf<'proposed'>;
  readonly outcome: 'applied' | 'failed' | 'lapsed';
  readonly yes: number;
  readonly no: number;
  readonly of: number;
  /** Number of the entry that ended it. */
  readonly sequence: number;
}

export interface Governance {
  readonly charter: EntryOf<'charter'>;
  /** In force, and the records from which on they are. */
  settings: Settings;
  since: Readonly<Partial<Record<keyof Settings, number>>>;
  /** Those that are voted on, or wait for their boundary, in their order. */
  readonly proposals: Map<string, Proposal>;
  readonly past: PastProposal[];
}
