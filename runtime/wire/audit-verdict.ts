/**
 * What an audit says of one stretch: the contract between auditors and the ledger. Only these words move a reward; how
 * an auditor has found them is its own matter.
 */
import type { StretchName } from './ticket.ts';

export const VERDICTS = ['match', 'mismatch', 'inconclusive', 'undelivered'] as const;

/** What moves a reward: also `unsealed`, of a stretch that its trainer never sealed, so that it could not be drawn. */
export const STRETCH_VERDICTS = [...VERDICTS, 'unsealed'] as const;

/**
 * `mismatch`: it was not computed so, and was found twice; `inconclusive`: it costs the trainer nothing;
 * `undelivered`: its record was asked for and did not come.
 */
export type Verdict = (typeof VERDICTS)[number];

export type StretchVerdict = (typeof STRETCH_VERDICTS)[number];

/** Of one stretch that was drawn, or could not be. A stretch without a verdict was not drawn. */
export interface AuditVerdict extends StretchName {
  /** Calls up to the last in it that changed the state, as its trainer has signed it. */
  readonly to: number;
  /** Key of the one who has computed and signed it. */
  readonly trainer: string;
  readonly verdict: StretchVerdict;
}

/** Every stretch of an ended run that was drawn has its verdict: nothing more comes of its audits. */
export interface AuditsOver {
  readonly run: string;
}

/** What the ledger asks of the audit side before it pays for a stretch whose window has passed. */
export interface OpenAudits {
  /** It is not sealed yet, or was drawn, and its verdict is still to come. */
  isUnderWay(stretch: StretchName): boolean;
  /** The run has ended, and every stretch of it that was drawn has its verdict: nothing more comes of its audits. */
  areOver(run: string): boolean;
}
