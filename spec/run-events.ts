/** Events of a run in a mesh, as its log keeps them. `run-event.schema.json` is the same as a schema. */

/** How the checks of a finished run were found. */
export type Checked =
  /** Computed again by the synchronizer. */
  | 'recomputed'
  /** Computed again by trainers, on shards that they had not trained. */
  | 'by-others'
  /** It could not be checked: it is what the trainers say of their own work. */
  | 'unchecked';

export interface CheckResult {
  readonly check: string;
  /** JSON has no numbers that are not finite: there it is null. */
  readonly value: number | null;
  readonly pass: boolean;
}

/** Figures of an epoch's training, wherever it was trained. */
export type EpochReport = {
  /** From 1. */
  readonly epoch: number;
  /** Of a sample, over all nodes. */
  readonly energy: number;
  /** The first accuracy check of the model on its own data; null where the model has none. */
  readonly accuracy: number | null;
  readonly seconds: number;
  readonly samplesPerSecond: number;
  /** The check of `validatedBy` on the validation's data; absent where there is no validation. */
  readonly validation?: number;
  readonly energyByNode: Readonly<Record<string, number>>;
  /** Nodes whose error is below the optimiser's epsilon: what predicts them learns nothing. Absent: none. */
  readonly learnsNothing?: readonly string[];
  /** Samples that the epoch left out, since they do not fill a batch. Absent: none. */
  readonly leftOut?: number;
};

/** A report as it is kept, in JSON. */
export type KeptEpoch = Omit<EpochReport, 'energy' | 'energyByNode' | 'samplesPerSecond' | 'validation'> & {
  readonly energy: number | null;
  readonly energyByNode: Readonly<Record<string, number | null>>;
  readonly samplesPerSecond: number | null;
  readonly validation?: number | null;
};

/**
 * Numbers that are not finite are null in JSON. `epoch` of ownership is a term; a key is that of a trainer, whose name
 * stands beside it.
 */
export type RunEvent =
  | { readonly event: 'start'; readonly epoch: number }
  | { readonly event: 'running'; readonly epoch: number; readonly calls: number }
  | { readonly event: 'waiting'; readonly reason: string }
  | {
      readonly event: 'epoch-of-owners';
      readonly epoch: number;
      /** Names by shard. */
      readonly owners: readonly string[];
      /** Their keys; older meshes do not say them. */
      readonly keys?: readonly string[];
      readonly why: string;
    }
  /** A synchronizer leads it from here on, of several: the reigns count. */
  | { readonly event: 'led'; readonly reign: number }
  /** The shard was given up: the others train to the end without it, with its weights behind `calls`. */
  | { readonly event: 'deprecated'; readonly shard: number; readonly calls: number }
  | { readonly event: 'lost'; readonly trainer: string; readonly key: string; readonly why: string }
  | {
      readonly event: 'fault';
      readonly key: string;
      readonly trainer: string;
      readonly shard: number;
      readonly code: string;
      readonly reason: string;
    }
  | {
      readonly event: 'liar';
      readonly key: string;
      readonly trainer: string;
      readonly shard: number;
      readonly what: string;
      readonly evidence: string;
    }
  /** Others are given its shards before it, for a while. */
  | { readonly event: 'aside'; readonly key: string; readonly trainer: string; readonly why: string }
  | { readonly event: 'excluded'; readonly key: string; readonly trainer: string; readonly why: string }
  | DisputeEvent
  | AuditEvent
  | FalseAuditEvent
  | NoAuditorEvent
  | UnsealedEvent
  /** The synchronizer has bound itself to the secret by which stretches of this term are drawn. */
  | { readonly event: 'pledge'; readonly epoch: number; readonly pledge: string }
  /** The secret itself, when nothing of that term is drawn any more. */
  | { readonly event: 'reveal'; readonly epoch: number; readonly secret: string }
  /** The run has gone back to the snapshot behind `calls`, since the stretch from `from` on was not computed so. */
  | { readonly event: 'undone'; readonly from: number; readonly calls: number }
  | { readonly event: 'not-undone'; readonly from: number; readonly reason: string }
  | { readonly event: 'manifest'; readonly calls: number }
  | { readonly event: 'manifest-damaged'; readonly calls: number; readonly from: number; readonly message: string }
  | ({ readonly event: 'epoch' } & KeptEpoch)
  | { readonly event: 'checking'; readonly calls: number }
  | { readonly event: 'unchecked'; readonly reason: string }
  | {
      readonly event: 'done';
      readonly accuracy: number | null;
      readonly seconds: number;
      readonly checks: readonly CheckResult[];
      readonly checked?: Checked;
    }
  | { readonly event: 'suspended'; readonly calls: number }
  | { readonly event: 'interrupted' }
  | { readonly event: 'error'; readonly code: string; readonly message: string };

/**
 * Of a stretch that was not computed as it was signed: where it first shows, and what explains it. `how` what was signed comes
 * about, to the bit. `zeros`: in place of what the operation makes; `left-out`: what it had made before, or what it is made of;
 * `unmoved`: of weights that did not move. `other`: none of these gives it.
 */
export interface FirstWrong {
  /** The shard beyond the border where it shows, the tick, and the value; absent: no frame differs, but the state at the end. */
  readonly border?: number;
  readonly tick?: number;
  readonly value?: string;
  /** The call that the operation is of, the function of the shard's program, the value that it makes, and what it is. */
  readonly call: number;
  readonly run: string;
  readonly operation: string;
  readonly op: string;
  /** A node, a link or a weight of the model. */
  readonly of?: string;
  readonly how: 'zeros' | 'left-out' | 'unmoved' | 'other';
  /** What has to be in the frame: its first numbers. */
  readonly right?: readonly number[];
}

/** A stretch of a trainer's shards was done again. */
export type AuditEvent = {
  readonly event: 'audit';
  readonly epoch: number;
  readonly from: number;
  readonly calls: number;
  readonly key: string;
  readonly trainer: string;
  readonly shards: readonly number[];
  readonly verdict: 'match' | 'mismatch' | 'inconclusive' | 'undelivered';
  /** Of a mismatch: the first wrong call, of which shard, and what differs. */
  readonly shard?: number;
  readonly call?: number;
  readonly what?: string;
  readonly first?: FirstWrong;
  /** The trainer that has done it again; absent: the synchronizer alone. */
  readonly by?: string;
  readonly why?: string;
};

/** A term is over, and these stretches were signed in it and never sealed: they could not be drawn, and are not paid. */
export type UnsealedEvent = {
  readonly event: 'unsealed';
  readonly epoch: number;
  readonly key: string;
  readonly trainer: string;
  readonly shard: number;
  readonly from: number;
  readonly calls: number;
  readonly stretches: number;
};

/** A trainer has said of a stretch of another one what is not so. */
export type FalseAuditEvent = {
  readonly event: 'false-audit';
  readonly epoch: number;
  readonly from: number;
  readonly calls: number;
  readonly key: string;
  readonly trainer: string;
  /** Whose stretch it was. */
  readonly audited: string;
  readonly said: 'match' | 'mismatch';
};

/** A trainer has left too many audits of others to the synchronizer, and is asked for none for a while. */
export type NoAuditorEvent = {
  readonly event: 'no-auditor';
  readonly key: string;
  readonly trainer: string;
  /** It has not done the last one. */
  readonly why: string;
};

/** Between two trainers, or of several that wait for each other. */
export type DisputeEvent = {
  readonly event: 'dispute';
  readonly what: string;
  readonly verdict: 'proved' | 'false' | 'undecided';
  readonly shards?: readonly number[];
  readonly trainer?: string;
  readonly accused?: string;
  readonly shard?: number;
  readonly peer?: number;
  readonly call?: number;
  /** Hash of what was brought forward. */
  readonly evidence?: string;
};
