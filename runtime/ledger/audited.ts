/** What a verdict does to the stretches of a key that are pending. */
import type { EntryOf } from './entry.ts';
import { type Account, accountOf, type LedgerState, type PendingStretch, stretchId } from './state.ts';

/** Mismatches of one key, within as many of its stretches as the window has, that exclude it. */
const EXCLUDING = 2;

export function judged(state: LedgerState, { verdict, trainer, ...stretch }: EntryOf<'audited'>): void {
  const account = accountOf(state, trainer);
  const pending = account.pending.get(stretchId(stretch));
  if (!pending) {
    account.refuted.add(stretchId(stretch));
    mismatchedBefore(account);
    return;
  }
  pending.verdicts.add(verdict);
  switch (verdict) {
    case 'match':
      pending.matched = true;
      account.matched.push(pending.sequence);
      account.undelivered = 0;
      return;
    case 'inconclusive':
      return;
    case 'undelivered':
      pending.doom ??= 'undelivered';
      account.undelivered++;
      // Once may be bad luck. Who keeps back what would convict him does it again.
      if (account.undelivered > 1) mismatched(account, pending);
      return;
    case 'mismatch':
      mismatched(account, pending);
  }
}

/** All that is pending of the key since the last match before that stretch; what was confirmed by itself stays. */
function mismatched(account: Account, pending: PendingStretch): void {
  account.refuted.add(stretchId(pending.entry));
  account.mismatches.push(account.stretches);
  const since = account.matched.reduce((last, n) => (n < pending.sequence && n > last ? n : last), 0);
  for (const other of account.pending.values()) if (other.sequence > since && !other.matched) other.doom ??= 'mismatch';
  // A stretch that one audit confirms and another one refutes is not paid.
  pending.doom ??= 'mismatch';
}

/** What it was paid for is lost; what is not confirmed by itself is not paid any more. */
function mismatchedBefore(account: Account): void {
  account.mismatches.push(account.stretches);
  for (const other of account.pending.values()) if (!other.matched) other.doom ??= 'mismatch';
}

export function mayBeExcluded({ mismatches }: Account, window: number): boolean {
  const [before, last] = mismatches.slice(-EXCLUDING);
  return before !== undefined && last !== undefined && last - before <= window;
}

export function exclude(account: Account): void {
  account.excluded = true;
  for (const pending of account.pending.values()) pending.doom ??= 'excluded';
}
