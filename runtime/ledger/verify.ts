/** Goes through the records of a ledger, from any source, and says what is wrong with which. */
import type { ChainedRecord } from '../backplane/backplane.ts';
import { chainProblem, EMPTY, type Head } from '../backplane/chain.ts';
import { LEDGER, readEntry } from './entry.ts';
import { emptyLedger, passOver, reduce } from './reduce.ts';
import type { LedgerState } from './state.ts';

export interface LedgerProblem {
  /** Of the record that is wrong, or of the first one that is not where it belongs. */
  readonly sequence: number;
  readonly told: string;
}

/** A reader of a ledger: give it record after record, in their order. */
export class LedgerReader {
  readonly state: LedgerState = emptyLedger();
  readonly problems: LedgerProblem[] = [];
  readonly #authors: boolean;
  #head: Head = EMPTY;

  /** @param authors false: signatures of trainers and givers were checked when the records were written */
  constructor(authors = true) {
    this.#authors = authors;
  }

  get head(): Head {
    return this.#head;
  }

  /** @returns its entry's type, where it is an entry */
  add(record: ChainedRecord): string | undefined {
    const { sequence, hash } = record;
    const chain = chainProblem(LEDGER, record, this.#head);
    if (chain !== undefined) this.problems.push({ sequence, told: chain });
    this.#head = { sequence, hash };
    const read = readEntry(record.value);
    if ('problem' in read) {
      this.problems.push({ sequence, told: read.problem });
      passOver(this.state, { sequence, hash });
      return undefined;
    }
    const problem = reduce(this.state, read.entry, { sequence, hash }, this.#authors);
    if (problem !== undefined) this.problems.push({ sequence, told: `${read.entry.type}: ${problem}` });
    return read.entry.type;
  }
}

/** Why a copy is not to be believed, in the order of its records; nothing where it holds. */
export function verifyRecords(records: Iterable<ChainedRecord>): LedgerReader {
  const reader = new LedgerReader();
  for (const record of records) reader.add(record);
  return reader;
}
