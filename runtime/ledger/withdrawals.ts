/** What entries of withdrawals may follow, and what they do: tokens leave the mesh, and come back by none of them. */
import type { EntryOf, LedgerEntry } from './entry.ts';
import { numberProblem, ordered } from './payments.ts';
import { SETTLEMENT } from './settlement-entries.ts';
import { bindingHolds, settlerHolds, withdrawalHolds } from './signed-settlement.ts';
import { accountOf, type LedgerState, spendable } from './state.ts';
import { beforeWeightChanges } from './votes.ts';

type SettlementEntry = EntryOf<keyof typeof SETTLEMENT>;

export function isOfSettlement(entry: LedgerEntry): entry is SettlementEntry {
  return Object.hasOwn(SETTLEMENT, entry.type);
}

/** Why its authors have not said so; nothing where that holds. */
export function settlementAuthorProblem({ opened }: LedgerState, entry: SettlementEntry): string | undefined {
  const mesh = opened?.mesh ?? '';
  switch (entry.type) {
    case 'settler':
      return settlerHolds(entry, mesh) ? undefined : `the mesh and ${entry.address} have not both signed it`;
    case 'bound':
      return bindingHolds(entry, mesh) ? undefined : `${entry.by} and ${entry.address} have not both signed it`;
    case 'withdrawn':
      return withdrawalHolds(entry, mesh) ? undefined : `${entry.by} has not signed it`;
  }
}

/** Why an entry may not follow; nothing where it may. Changes nothing. */
export function settlementProblem(state: LedgerState, entry: SettlementEntry): string | undefined {
  if (state.fork) return 'payments have stopped: the ledger has two heads';
  if (entry.type === 'settler') return state.settlers.has(entry.address) ? 'it is a settler already' : undefined;
  if (state.settlers.size === 0) return 'withdrawals are off: the mesh has named no settler';
  const order = numberProblem(state, entry);
  if (order !== undefined || entry.type === 'bound') return order;
  const account = state.accounts.get(entry.by);
  const has = spendable(account);
  if (has < BigInt(entry.tokens)) return `${entry.by} has ${has} tokens`;
  return account?.address === undefined ? `${entry.by} is bound to no address` : undefined;
}

export function takeSettlement(state: LedgerState, entry: SettlementEntry): void {
  if (entry.type === 'settler') {
    state.settlers.add(entry.address);
    return;
  }
  ordered(state, { tokens: 0, ...entry });
  const account = accountOf(state, entry.by);
  if (entry.type === 'bound') {
    account.address = entry.address;
    return;
  }
  const { address = '' } = account;
  beforeWeightChanges(state, entry.by);
  account.withdrawn += BigInt(entry.tokens);
  state.withdrawn.set(address, (state.withdrawn.get(address) ?? 0n) + BigInt(entry.tokens));
}
