/**
 * Entries of a ledger, as the records of its stream have them: canonical JSON (RFC 8785), one entry a record. Tokens are
 * whole numbers that JSON has exactly; work is in FLOP, whose sums are larger, as decimal digits.
 */

import { parsedJson } from '../support/parsed-json.ts';
import {
  count,
  follows,
  list,
  object,
  oneOf,
  optional,
  shapeProblem,
  type TypeOf,
  text,
  variants,
} from '../support/shape.ts';
import { STRETCH_VERDICTS } from '../wire/audit-verdict.ts';
import { canonicalBytes, canonicalOf } from '../wire/canonical.ts';
import { VOTES } from './charter.ts';
import { at, digits, hash, id, key, positive, signature } from './entry-shapes.ts';
import { PAYMENTS } from './payment-entries.ts';
import { SETTLEMENT } from './settlement-entries.ts';

/** Its stream in the backplane: one ledger of a mesh. */
export const LEDGER = 'ledger';

/** Entries of one segment, the seal behind them included. */
export const SEGMENT = 1000;

/** The signed word of a synchronizer over all entries before it, and over what every key has behind them. */
const SEAL = {
  /** Of the first record behind the seal before it, and of the last one that it covers. */
  from: positive,
  sequence: positive,
  /** Hash of that record. */
  head: hash,
  /** Merkle root over the hashes of those records: it shows of each one alone that it was signed. */
  records: hash,
  /** Merkle root over the accounts. */
  root: hash,
  by: key,
  sig: signature,
};

/** One record that a seal covers: its number, its hash, and the way up to the seal's root. */
const SIGNED_RECORD = { sequence: positive, hash, path: list(hash), seal: object(SEAL) };
/** Of the mesh, that a key may not train any more: signed over the key and these. */
const WORD = { run: text, reason: text, at: count, sig: signature };
const STRETCH = { run: text, shard: count, term: count, to: count, trainer: key };
const FUNDS = { at, run: text, tokens: positive, by: key, id, sig: signature };

export const ENTRY = variants('type', {
  /** First of all. Stretches of a shard that have to follow one before it is paid. */
  opened: { at, mesh: key, window: positive },
  /**
   * A run whose work is counted: hash of its deployment, epochs, training calls and other calls of an epoch, FLOP of a
   * training call of each shard.
   */
  run: { at, run: text, deployment: hash, epochs: count, train: count, others: count, work: list(digits) },
  /** An operator lists the run: so many tokens, and no more, are issued for it. */
  emission: FUNDS,
  /** A deployer gives tokens of its own, which are locked until the run is closed. */
  escrow: FUNDS,
  /** A stretch was committed: the trainer's own signature over its state behind it. */
  pending: { at, ...STRETCH, from: count, hash, sig: signature },
  audited: { at, ...STRETCH, from: count, verdict: oneOf(...STRETCH_VERDICTS) },
  granted: { at, ...STRETCH, tokens: count },
  withheld: { at, ...STRETCH, reason: oneOf('mismatch', 'undelivered', 'unsealed', 'excluded') },
  /** It is paid nothing from here on, and has nothing to spend. */
  excluded: { at, trainer: key, reason: oneOf('mismatches', 'word'), word: optional(object(WORD)) },
  /** The run is over, and so are its audits: what is pending waits for no further stretch. */
  ended: { at, run: text },
  /**
   * Work that was done again, since the run went back, and was not paid for that reason: from tokens of calls that were
   * withheld, and that no trainer has done again.
   */
  restored: { at, run: text, trainer: key, tokens: positive },
  /** Nothing of the run is pending: tokens that no trainer has earned go back. */
  closed: { at, run: text, returned: count },
  ...PAYMENTS,
  ...SETTLEMENT,
  /** Two records of one number, both signed: evidence, and the end of payments. */
  forked: { at, heads: list(object(SIGNED_RECORD)) },
  ...VOTES,
  sealed: { at, ...SEAL },
});

export type LedgerEntry = TypeOf<typeof ENTRY>;
export type EntryOf<T extends LedgerEntry['type']> = Extract<LedgerEntry, { readonly type: T }>;
/** Before it is written, when it gets its time. */
export type NewEntry = LedgerEntry extends infer E ? (E extends LedgerEntry ? Omit<E, 'at'> : never) : never;
export type Seal = TypeOf<ReturnType<typeof sealShape>>;
export type SignedRecord = EntryOf<'forked'>['heads'][number];
export type FundsEntry = EntryOf<'emission' | 'escrow'>;

function sealShape() {
  return object(SEAL);
}

export function entryText(entry: LedgerEntry): string {
  return new TextDecoder().decode(canonicalBytes(entry));
}

/** @returns the entry, or why the text is none: each entry has one text only */
export function readEntry(value: string): { readonly entry: LedgerEntry } | { readonly problem: string } {
  const parsed = parsedJson(value);
  if (!follows(ENTRY, parsed)) return { problem: `it is not an entry: ${shapeProblem(ENTRY, parsed)}` };
  return isCanonical(parsed, value) ? { entry: parsed } : { problem: 'it is not in canonical form' };
}

/** Where keys are in order, a parser's and a writer's text are the canonical one: that is found in half the time. */
function isCanonical(parsed: unknown, value: string): boolean {
  if (hasSortedKeys(parsed) && JSON.stringify(parsed) === value) return true;
  const bytes = canonicalOf(parsed);
  return bytes !== undefined && new TextDecoder().decode(bytes) === value;
}

function hasSortedKeys(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (Array.isArray(value)) return value.every(hasSortedKeys);
  let last = '';
  for (const [name, part] of Object.entries(value)) {
    if (name < last || !hasSortedKeys(part)) return false;
    last = name;
  }
  return true;
}
