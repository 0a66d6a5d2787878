import { AUDIT_RATE } from '../audit/draw.ts';

/** How long a shard may take, and how much may go wrong, before others take over: all numbers of it in one place. */
export interface Limits {
  /** Milliseconds for a call, at least. */
  readonly call: number;
  /** For the first call of an evaluation, of which nothing is known yet. */
  readonly firstEvaluation: number;
  /** So many times what such a call takes on average. */
  readonly slow: number;
  /** For loading, besides what has to be brought. */
  readonly loading: number;
  /** Bytes a second that a trainer is taken to reach in any case. */
  readonly bytesPerSecond: number;
  /** Faults of one key in a run, after which it is asked last. */
  readonly keyFaults: number;
  /** Faults of one shard without a new snapshot, after which the run may fail. */
  readonly shardFaults: number;
  /** Faults of so many keys are the fault of the shard. */
  readonly shardKeys: number;
  /** Milliseconds after which faults and disputes count no more. */
  readonly forget: number;
  /** Milliseconds that a key which alone has failed a shard is left out, so that those who were there may come back. */
  readonly barred: number;
  /** Milliseconds that a shard of a run of schedule `async` may be empty before the others give it up. */
  readonly empty: number;
  /** Parts of a shard that wait for those of others. */
  readonly parts: number;
  /** Differences between what trainers say of a check and what comes of computing it again, before the run fails. */
  readonly differences: number;
  /** Of the stretches of each trainer that are done again. */
  readonly auditRate: number;
  /** At least, of those of a key of which none was done again; absent: `NEW_KEY_RATE`. */
  readonly newKeyRate?: number;
  /** Of audits that a trainer could do, those that one does; absent: `GIVEN_SHARE`. */
  readonly givenAudits?: number;
}

export const LIMITS: Limits = {
  call: 30_000,
  firstEvaluation: 300_000,
  slow: 20,
  loading: 60_000,
  bytesPerSecond: 1e6,
  keyFaults: 2,
  shardFaults: 3,
  shardKeys: 3,
  forget: 600_000,
  barred: 60_000,
  empty: 120_000,
  parts: 8,
  differences: 2,
  auditRate: AUDIT_RATE,
};
