/** Does stretches again from their records: a port, as it needs the plan's compiler and a device. */
import type { Verdict } from '../wire/audit-verdict.ts';
import type { Deployment } from '../wire/deployment.ts';

export interface AuditRequest {
  readonly deployment: Deployment;
  readonly term: number;
  /** Calls before the stretch, and behind it. */
  readonly from: number;
  readonly to: number;
  /** Of one trainer, all of its shards: blob of the record, and what was sealed of it. */
  readonly shards: readonly {
    readonly shard: number;
    readonly record: string;
    readonly hash: string;
    readonly windows: string;
  }[];
  /** Keys of the term's owners, by shard. */
  readonly owners: readonly string[];
  /** Where the term began, and the hashes of the shards' states there. */
  readonly begins: { readonly calls: number; readonly hashes: readonly string[] };
}

/** `undelivered`: a record is not that of what was sealed. */
export interface AuditAnswer {
  readonly verdict: Verdict;
  /** Of a mismatch: the first wrong call, of which shard, and what differs. */
  readonly shard?: number;
  readonly call?: number;
  readonly what?: string;
  readonly why?: string;
}

export interface Auditor {
  audit(request: AuditRequest): Promise<AuditAnswer>;
}
