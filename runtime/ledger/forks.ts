/** Copies of one ledger that differ: two records of one number, and who has signed them. */
import type { Seal, SignedRecord } from './entry.ts';
import { recordIsSigned, signedRecord } from './segment.ts';
import type { LedgerReader } from './verify.ts';

/** A copy that was gone through. */
export interface Copy {
  readonly name: string;
  readonly reader: LedgerReader;
  /** Of its records, in their order. */
  readonly hashes: readonly string[];
  readonly seals: readonly Seal[];
}

export interface Fork {
  /** The first record that differs. */
  readonly sequence: number;
  readonly heads: readonly {
    readonly copy: string;
    readonly hash: string;
    /** Who has signed it; absent: that is not signed yet. */
    readonly by?: string;
    /** What shows it. */
    readonly evidence?: SignedRecord;
  }[];
}

/** Of each further copy against the first one. One that only ends earlier is not a fork. */
export function forksBetween(copies: readonly Copy[]): Fork[] {
  const [first, ...others] = copies;
  if (!first) return [];
  return others.flatMap((other) => {
    const at = other.hashes.findIndex((hash, i) => first.hashes[i] !== undefined && first.hashes[i] !== hash);
    if (at < 0) return [];
    return [{ sequence: at + 1, heads: [first, other].map((copy) => headIn(copy, at + 1)) }];
  });
}

function headIn({ name, hashes, seals }: Copy, sequence: number): Fork['heads'][number] {
  const hash = hashes[sequence - 1] ?? '';
  const seal = seals.find((each) => each.sequence >= sequence);
  const evidence = seal && signedRecord(seal, hashes.slice(seal.from - 1, seal.sequence), sequence);
  if (!evidence || !recordIsSigned(evidence)) return { copy: name, hash };
  return { copy: name, hash, by: evidence.seal.by, evidence };
}
