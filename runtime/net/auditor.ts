/** Does stretches again from their records: a port, as it needs the plan's compiler and a device. */
import type { FirstWrong } from '../../spec/run-events.ts';
import type { ShardChain } from '../audit/chain.ts';
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
    readonly held?: string;
  }[];
  /** Keys of the term's owners, by shard. */
  readonly owners: readonly string[];
  /** Where the term began, and the hashes of the shards' states there. */
  readonly begins: { readonly calls: number; readonly hashes: readonly string[] };
}

/** One step of the stretch, which its trainer has done again and shown. */
export interface StepRequest extends AuditRequest {
  /** What it had bound itself to before the step was drawn. */
  readonly chains: readonly ShardChain[];
  readonly step: number;
  /** Blob of what it shows. */
  readonly shown: string;
  /** Of the draw. */
  readonly seed: string;
  /** It has come out otherwise before. */
  readonly second: boolean;
}

/** `undelivered`: a record is not that of what was sealed. */
export interface AuditAnswer {
  readonly verdict: Verdict;
  /** Of a mismatch: the first wrong call, of which shard, and what differs. */
  readonly shard?: number;
  readonly call?: number;
  readonly what?: string;
  readonly first?: FirstWrong;
  readonly why?: string;
  /** Compared to the bit. */
  readonly exact?: boolean;
  /**
   * It was computed on another class of device: how many steps the stretch has, of which one can be compared, and what each
   * shard's last link has to be.
   */
  readonly steps?: {
    readonly count: number;
    readonly ends: readonly { readonly shard: number; readonly link: string }[];
  };
}

/** What another trainer needs to do it again. */
export interface CutRecords {
  /** Of each shard, as an auditor gets it; none: it is too large to be given to one. */
  readonly cuts: readonly { readonly shard: number; readonly bytes: Uint8Array }[];
  /** Hash over all that came out, as it was signed. */
  readonly outputs: string;
  /** Windows that no neighbour has signed. */
  readonly unsigned: number;
}

export interface Auditor {
  audit(request: AuditRequest): Promise<AuditAnswer>;
  /** Computes nothing: looks at signatures, and leaves out what came out. */
  cut(request: AuditRequest): Promise<CutRecords | AuditAnswer>;
  /** What `audit` has found to be of another class. */
  auditStep(request: StepRequest): Promise<AuditAnswer>;
}
