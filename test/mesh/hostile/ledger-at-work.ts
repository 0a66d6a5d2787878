/** The ledger of one run of two shards whose trainers take turns, on any backplane. */
import type { Backplane } from '../../../runtime/backplane/backplane.ts';
import { signFunds } from '../../../runtime/ledger/signed.ts';
import { LedgerKeeper } from '../../../runtime/net/ledger-keeper.ts';
import { signState } from '../../../runtime/wire/state-signature.ts';
import { keyOf, keysOf, MESH, OPERATOR } from '../../support/ledger.ts';
import { chain } from '../simulated.ts';

const BATCHES = 5_000_000;
const STRETCH = 5;
const RUN = {
  deployment: { ...chain(2, BATCHES, 1, BATCHES), run: 'run', stretches: { batches: STRETCH, bytes: 1, keep: 1 } },
  hash: 'd'.repeat(64),
};
export const WINDOW = 4;
export const TOKENS = 1_000_000;

export interface LedgerAtWork {
  readonly keeper: LedgerKeeper;
  begin(): Promise<void>;
  /** One more stretch is signed. */
  commit(): Promise<void>;
}

export function ledgerAtWork(backplane: Backplane): LedgerAtWork {
  let clock = 0;
  const keeper = new LedgerKeeper({
    // A seal with every look or two.
    ...{ backplane, keys: MESH, window: WINDOW, now: () => (clock += 6000), log: () => undefined },
    run: (run) => (run === 'run' ? RUN : undefined),
  });
  let done = 0;
  return {
    keeper,
    begin: async () => {
      keeper.write(true);
      await keeper.fund(
        signFunds({ type: 'emission', run: 'run', tokens: TOKENS, id: 'a'.repeat(32) }, keyOf(MESH), OPERATOR),
      );
      for (let read = -1; read !== 0; done += read) read = (await backplane.read('commit/run', done + 1, 1000)).length;
    },
    commit: async () => {
      const [shard, to] = [done % 2, STRETCH * (Math.floor(done / 2) + 1)];
      const trainer = keysOf(61 + (done % 3));
      const hash = to.toString(16).padStart(64, '0');
      const states = [signState({ run: 'run', term: 1, shard }, { calls: to, hash }, trainer)];
      await backplane.append('commit/run', JSON.stringify({ term: 1, shard, states, key: keyOf(trainer), begin: 0 }));
      done++;
    },
  };
}
