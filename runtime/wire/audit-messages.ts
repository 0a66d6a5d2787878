/** Control messages of audits, between a synchronizer and a trainer (spec/wire.md, 7). */
import type { FirstWrong } from '../../spec/run-events.ts';
import type { StretchName, Ticket } from './ticket.ts';

/** Do this stretch of another trainer again: what went into it, and nothing of what came out. */
export interface AuditOrder {
  readonly type: 'audit';
  readonly run: string;
  readonly term: number;
  /** Calls before it. */
  readonly from: number;
  /** Blob of the deployment. */
  readonly deployment: string;
  /** All shards of that trainer: the ticket for each, and the blob of its record as an auditor gets it. */
  readonly shards: readonly { readonly record: string; readonly ticket: Ticket }[];
}

/** What came out where the stretch was done again, as one hash over all; or why nothing has. */
export interface Outputs {
  readonly type: 'outputs';
  readonly run: string;
  readonly term: number;
  readonly from: number;
  readonly shards: readonly number[];
  readonly outputs?: string;
  readonly why?: string;
}

/** To the trainer of a stretch: it was done again, twice, and is not what was signed. */
export interface Mismatch extends StretchName {
  readonly type: 'mismatch';
  readonly calls: number;
  /** The first wrong one. */
  readonly call: number;
  /** What differs: a frame, the state, sums; or the record did not come. */
  readonly what: string;
  readonly first?: FirstWrong;
}
