/** Control messages between a synchronizer and a trainer that does a stretch of another one again (spec/wire.md, 7). */
import type { Ticket } from './ticket.ts';

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
