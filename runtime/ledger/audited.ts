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
    // What it was paid for is lost; what is not confirmed by itself is not paid any more.
    withheld(account, auditId(stretch));
    return;
  }
  pending.verdicts.add(verdict);
  switch (verdict) {
    case 'match':
      pending.matched = true;
      account.matched.push(pending.sequence);
      account.undelivered.clear();
      return;
    case 'inconclusive':
      return;
    case 'unsealed':
      // No other stretch of the key loses by it: a neighbour that goes may keep back what it is sealed with.
      pending.doom ??= 'unsealed';
      return;
    case 'undelivered':
      pending.doom ??= 'undelivered';
      for (const other of sinceMatch(account, pending)) other.doom ??= 'undelivered';
      account.undelivered.add(auditId(stretch));
      // Once may be bad luck. Who keeps back what would convict him does it again.
      if (account.undelivered.size > 1) mismatched(account, pending);
      return;
    case 'mismatch':
      mismatched(account, pending);
  }
}

/** Shards of one trainer are audited as one, with a verdict for each: all of them together count once. */
function auditId({ run, term, from }: Pick<EntryOf<'audited'>, 'run' | 'term' | 'from'>): string {
  return `${run} ${term} ${from}`;
}

/**
 * What is pending of the key since the last match before that stretch; what was confirmed by itself stays. If the stretch
 * alone were withheld, to lie until a record is asked for, and to keep that one back, would pay.
 */
function sinceMatch(account: Account, { sequence }: PendingStretch): PendingStretch[] {
  const since = account.matched.reduce((last, n) => (n < sequence && n > last ? n : last), 0);
  return [...account.pending.values()].filter((other) => other.sequence > since && !other.matched);
}

/**
 * All that is pending of the key, and not confirmed by itself: its pay of a whole window is what it stands to lose with
 * every lie. What was pending since the last match alone was worth a tenth of that just behind a match, and a lie there
 * gained more than it cost.
 */
function mismatched(account: Account, pending: PendingStretch): void {
  account.refuted.add(stretchId(pending.entry));
  withheld(account, auditId(pending.entry));
  // A stretch that one audit confirms and another one refutes is not paid.
  pending.doom ??= 'mismatch';
}

function withheld(account: Account, audit: string): void {
  if (!account.mismatches.has(audit)) account.mismatches.set(audit, account.stretches);
  for (const other of account.pending.values()) if (!other.matched) other.doom ??= 'mismatch';
}

export function mayBeExcluded({ mismatches }: Account, window: number): boolean {
  const [before, last] = [...mismatches.values()].slice(-EXCLUDING);
  return before !== undefined && last !== undefined && last - before <= window;
}

export function exclude(account: Account): void {
  account.excluded = true;
  for (const pending of account.pending.values()) pending.doom ??= 'excluded';
}
