/** What a synchronizer knows of the audits of a run. */
import type { FirstWrong } from '../../spec/run-events.ts';
import type { Verdict } from '../wire/audit-verdict.ts';

/** One shard of a stretch, as its trainer has bound itself to it. */
export interface SealedShard {
  readonly key: string;
  readonly calls: number;
  /** Of the state at its end. */
  readonly hash: string;
  readonly windows: string;
  readonly nonce: string;
  /** Its number is not the one that it had pledged, or its bounds are not those that its stretches before give. */
  readonly broken?: boolean;
  /** As `heldHash`; empty where it cannot be right. Absent: the run has no bounds. */
  readonly held?: string;
}

/** A stretch that waits for the seals of all its shards. */
export interface WaitingDraw {
  readonly term: number;
  readonly from: number;
  readonly since: number;
  readonly shards: Readonly<Record<number, SealedShard>>;
}

export interface AuditedShard {
  readonly shard: number;
  readonly hash: string;
  readonly windows: string;
  readonly held?: string;
}

/** A stretch of one trainer that was drawn, and has no verdict. */
export interface Audit {
  readonly term: number;
  readonly from: number;
  readonly to: number;
  readonly trainer: string;
  /** All shards of the trainer: they are done again together. */
  readonly shards: readonly AuditedShard[];
  readonly since: number;
  readonly asked: number;
  /** Its trainer was not there when its record was asked for. */
  readonly away: boolean;
  /** It was there, and has said that it has no memory to do it again. */
  readonly later?: boolean;
  /** It has come out otherwise, and is done once more before that counts. */
  readonly second: boolean;
  /** The trainer that does it again; absent: the synchronizer does. */
  readonly auditor?: string;
  /** What a trainer has said that it finds: the synchronizer does it again as well, and settles it. */
  readonly said?: Finding;
  /** Of its draw: by it a step is drawn of what cannot be compared as a whole. Absent in older recordings. */
  readonly seed?: string;
}

/** Of a trainer that has done a stretch of another one again: whether it has found what was signed. */
export interface Finding {
  readonly key: string;
  readonly same: boolean;
}

/** A term as its stretches are held against it. */
export interface AuditTerm {
  readonly owners: readonly string[];
  /** Calls behind which it began, and the hashes of its shards' states there; none where they are not known. */
  readonly calls: number;
  readonly hashes: readonly string[];
  /** The synchronizer's, for the draws. */
  readonly secret?: string;
  /** When it was first seen that nothing of it goes on; and whether its secret is told. */
  readonly over?: number;
  readonly revealed?: boolean;
  /** By shard: of its number for the stretch that begins there. */
  readonly pledges: Readonly<Record<number, { readonly from: number; readonly pledge: string }>>;
  /** By shard: what it has signed and not sealed, in its order. */
  readonly unsealed?: Readonly<Record<number, readonly Unsealed[]>>;
  /** The synchronizer has begun anew in it: which seals it had heard last is not known. */
  readonly anew?: boolean;
}

/** Calls before a stretch, and up to the last in it that changed the state. */
export interface Unsealed {
  readonly from: number;
  readonly to: number;
}

/** Audits that a trainer was asked for and has not done, less half of those that it did; and when it left the newest one. */
export interface LeftAudits {
  readonly count: number;
  readonly at: number;
}

export interface RunAudits {
  readonly terms: Readonly<Record<number, AuditTerm>>;
  readonly draws: readonly WaitingDraw[];
  readonly open: readonly Audit[];
  /** By audited trainer: which other one has done a stretch of it again the last time. */
  readonly pairs?: Readonly<Record<string, string>>;
  /** By auditor: what it has left to the synchronizer. */
  readonly left?: Readonly<Record<string, LeftAudits>>;
  /** Since when the run has ended, where it has; and whether it was told that nothing more comes of its audits. */
  readonly ended?: number;
  readonly over: boolean;
  /** Since when there is something of it that is not stored. */
  readonly changed?: number;
}

/** What has counted against a key. */
export interface Mark {
  readonly key: string;
  readonly trainer: string;
  /** `audit`: it has said of a stretch of another trainer what is not so. */
  readonly what: 'mismatch' | 'undelivered' | 'audit';
  readonly shard: number;
  readonly term: number;
  readonly from: number;
  readonly to: number;
  /** The first wrong one. */
  readonly call: number;
  readonly first?: FirstWrong;
  readonly at: number;
  /** The run has gone back to before it. */
  readonly undone: boolean;
}

/** `away`: the trainer is not there, and is asked again; or the auditor does not answer. */
export type AuditOutcome = Verdict | 'away';

/** Draws that are stored: those that wait longest for a shard that is gone give way. */
const STORED_DRAWS = 16;

/** As they are stored. */
export function storedAudits({ changed: _, draws, ...audits }: RunAudits): RunAudits {
  return { ...audits, draws: draws.slice(-STORED_DRAWS) };
}

/**
 * Behind a restart: records of what was drawn are asked for again, and seals have the time that they had at first. Seals that
 * came behind what was stored are lost: what waited for one is paid as if it had come.
 */
export function restoredAudits(stored: RunAudits, now: number): RunAudits {
  return {
    ...stored,
    terms: Object.fromEntries(
      Object.entries(stored.terms).map(([number, { unsealed: _, ...term }]) => [number, { ...term, anew: true }]),
    ),
    draws: stored.draws.map((draw) => ({ ...draw, since: now })),
    open: stored.open.map((audit) => ({ ...audit, away: true, asked: 0 })),
  };
}

export const NO_AUDITS: RunAudits = { terms: {}, draws: [], open: [], over: false };
