/** What follows from a ledger as it stands: entries that its rules ask for; no one decides them. */
import type { OpenAudits } from '../wire/audit-verdict.ts';
import { mayBeExcluded } from './audited.ts';
import { grantFor, restoredTo } from './earned.ts';
import type { NewEntry } from './entry.ts';
import { windowHasPassed } from './reduce.ts';
import { type LedgerState, type PendingStretch, type RunLedger, windowOf } from './state.ts';
import { dueOfVotes } from './votes.ts';

/** The next entry that is due; nothing where none is. A stretch under audit waits for its verdict. */
export function nextDue(state: LedgerState, audits: Pick<OpenAudits, 'isUnderWay'>): NewEntry | undefined {
  return excludable(state) ?? settling(state, audits) ?? closing(state) ?? dueOfVotes(state);
}

function excludable(state: LedgerState): NewEntry | undefined {
  for (const [trainer, account] of state.accounts)
    if (!account.excluded && account.mismatches.size > 0 && mayBeExcluded(account, windowOf(state)))
      return { type: 'excluded', trainer, reason: 'mismatches' };
  return undefined;
}

function settling(state: LedgerState, audits: Pick<OpenAudits, 'isUnderWay'>): NewEntry | undefined {
  for (const run of state.runs.values())
    for (const shard of run.shards)
      for (const pending of shard.pending.values()) {
        const due = settled(state, run, pending, audits);
        if (due) return due;
      }
  return undefined;
}

function settled(
  state: LedgerState,
  run: RunLedger,
  pending: PendingStretch,
  audits: Pick<OpenAudits, 'isUnderWay'>,
): NewEntry | undefined {
  const { run: id, shard, term, to, trainer } = pending.entry;
  const stretch = { run: id, shard, term, to, trainer };
  if (pending.doom !== undefined) return { type: 'withheld', ...stretch, reason: pending.doom };
  if (state.fork || !windowHasPassed(state, pending) || audits.isUnderWay(pending.entry)) return undefined;
  return { type: 'granted', ...stretch, tokens: Number(grantFor(run, pending).tokens) };
}

function closing(state: LedgerState): NewEntry | undefined {
  if (state.fork) return undefined;
  for (const [id, run] of state.runs)
    if (run.ended && !run.closed && run.shards.every(({ pending }) => pending.size === 0))
      return restoring(state, id, run) ?? { type: 'closed', run: id, returned: Number(run.pot - run.paid) };
  return undefined;
}

function restoring({ accounts }: LedgerState, run: string, ledger: RunLedger): NewEntry | undefined {
  for (const trainer of ledger.again.keys()) {
    const tokens = accounts.get(trainer)?.excluded ? 0n : restoredTo(ledger, trainer);
    if (tokens > 0n) return { type: 'restored', run, trainer, tokens: Number(tokens) };
  }
  return undefined;
}
