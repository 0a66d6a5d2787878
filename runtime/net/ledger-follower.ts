/** The ledger of a mesh as it grows, gone through record by record: for who has to know at any time what a channel holds. */
import type { LedgerState } from '../ledger/state.ts';
import { LedgerReader } from '../ledger/verify.ts';
import { EnvironmentError } from '../support/errors.ts';
import { inTurn } from '../support/in-turn.ts';
import { askLedger } from './ask-ledger.ts';
import type { Link } from './link.ts';

export class LedgerFollower {
  readonly #reader = new LedgerReader();
  readonly #turn = inTurn();

  /** As far as it was read. */
  get state(): LedgerState {
    return this.#reader.state;
  }

  /**
   * Reads what has come since.
   * @throws EnvironmentError `ledger/damaged` where it does not hold, from then on; as the link does
   */
  read(link: Pick<Link, 'ask'>): Promise<void> {
    return this.#turn(async () => {
      for await (const record of askLedger(link, this.#reader.head.sequence + 1)) this.#reader.add(record);
      const [first] = this.#reader.problems;
      if (!first) return;
      const told = `the ledger does not hold: record ${first.sequence}: ${first.told}`;
      throw new EnvironmentError('ledger/damaged', told);
    });
  }
}
