/** Copies of one ledger that differ: two heads for one number, and who has signed them. */
import type { Seal } from './entry.ts';
import { sealHolds } from './signed.ts';
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
    readonly head: string;
    /** Who has signed a seal over that record; absent: none is signed yet. */
    readonly by?: string;
    readonly seal?: Seal;
  }[];
}

/** Of each further copy against the first one. One that only ends earlier is not a fork. */
export function forksBetween(copies: readonly Copy[]): Fork[] {
  const [first, ...others] = copies;
  if (!first) return [];
  return others.flatMap((other) => {
    const at = other.hashes.findIndex((hash, i) => first.hashes[i] !== undefined && first.hashes[i] !== hash);
    if (at < 0) return [];
    return [{ sequence: at + 1, heads: [first, other].map((copy) => headIn(copy, at)) }];
  });
}

function headIn({ name, hashes, seals }: Copy, at: number): Fork['heads'][number] {
  const head = hashes[at] ?? '';
  const seal = seals.find(({ sequence }) => sequence > at);
  return seal && sealHolds(seal) ? { copy: name, head, by: seal.by, seal } : { copy: name, head };
}
