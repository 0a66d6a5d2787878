/** What entries of payments may follow, and what they do. Tokens move; none is made or lost. */
import { CHALLENGE_MS, type Channel, lockedIn } from './channel.ts';
import type { EntryOf, LedgerEntry } from './entry.ts';
import { PAYMENTS } from './payment-entries.ts';
import { closingHolds, openingHolds, paymentHolds, voucherHolds } from './signed-payments.ts';
import { accountOf, type LedgerState, spendable } from './state.ts';

type PaymentEntry = EntryOf<keyof typeof PAYMENTS>;
type Numbered = Pick<EntryOf<'paid'>, 'by' | 'number'>;

export function isPayment(entry: LedgerEntry): entry is PaymentEntry {
  return Object.hasOwn(PAYMENTS, entry.type);
}

/** Why its author has not said so; nothing where that holds, or where its channel is not there to say who that is. */
export function paymentAuthorProblem({ opened, channels }: LedgerState, entry: PaymentEntry): string | undefined {
  const mesh = opened?.mesh ?? '';
  switch (entry.type) {
    case 'paid':
      return paymentHolds(entry, mesh) ? undefined : `${entry.by} has not signed it`;
    case 'channel':
      return openingHolds(entry, mesh) ? undefined : `${entry.by} has not signed it under this name`;
    case 'redeemed': {
      const payer = channels.get(entry.channel)?.entry.by;
      return payer === undefined || voucherHolds(entry, mesh, payer)
        ? undefined
        : `${payer} has not signed the voucher`;
    }
    case 'closing':
      return closingHolds(entry, mesh) ? undefined : `${entry.by} has not signed it`;
    case 'settled':
      return undefined;
  }
}

/** Why an entry may not follow; nothing where it may. Changes nothing. */
export function paymentProblem(state: LedgerState, entry: PaymentEntry): string | undefined {
  if (state.fork) return 'payments have stopped: the ledger has two heads';
  switch (entry.type) {
    case 'paid':
      return orderProblem(state, entry, entry.to);
    case 'channel':
      if (entry.expires <= entry.at) return 'it would be over before it begins';
      return state.channels.has(entry.channel) ? 'it is open already' : orderProblem(state, entry, entry.server);
    default: {
      const channel = state.channels.get(entry.channel);
      return channel ? channelProblem(channel, entry) : `no channel ${entry.channel} is open`;
    }
  }
}

/** @param to who gets it, or may */
function orderProblem(state: LedgerState, entry: EntryOf<'paid' | 'channel'>, to: string): string | undefined {
  const { by, tokens } = entry;
  const account = state.accounts.get(by);
  const order = numberProblem(state, entry);
  if (order !== undefined) return order;
  if (to === by) return 'it would pay itself';
  if (state.accounts.get(to)?.excluded) return `${to} is excluded`;
  const has = spendable(account);
  return has < BigInt(tokens) ? `${by} has ${has} tokens` : undefined;
}

/** @returns the number of the key's next order */
export function nextOrder(accounts: LedgerState['accounts'], by: string): number {
  return (accounts.get(by)?.orders ?? 0) + 1;
}

/** Orders of a key are numbered from 1 without a gap: each is taken once. */
export function numberProblem({ accounts }: LedgerState, { by, number }: Numbered): string | undefined {
  const next = nextOrder(accounts, by);
  if (number < next) return `order ${number} of ${by} was taken before`;
  return number > next ? `order ${next} of ${by} comes first` : undefined;
}

function channelProblem(channel: Channel, entry: EntryOf<'redeemed' | 'closing' | 'settled'>): string | undefined {
  const { entry: opening, redeemed, ends } = channel;
  if (entry.type === 'settled') {
    if (entry.at < ends) return `it ends at ${ends}, which is not yet`;
    const left = lockedIn(channel);
    return left === BigInt(entry.returned) ? undefined : `${left} tokens of it are left, not ${entry.returned}`;
  }
  if (entry.at >= ends) return `the channel ended at ${ends}`;
  if (entry.type === 'closing') {
    if (entry.by !== opening.by && entry.by !== opening.server)
      return `${entry.by} is neither its payer nor its server`;
    return entry.by === opening.by && channel.closing !== '' ? 'its payer has closed it before' : undefined;
  }
  if (entry.server !== opening.server) return `the channel is for ${opening.server}`;
  if (entry.at >= entry.expires) return `the voucher expired at ${entry.expires}`;
  if (BigInt(entry.tokens) <= redeemed) return `${redeemed} tokens were redeemed before: it pays nothing more`;
  return entry.tokens > opening.tokens ? `the channel has ${opening.tokens} tokens` : undefined;
}

export function takePayment(state: LedgerState, entry: PaymentEntry): void {
  switch (entry.type) {
    case 'paid':
      ordered(state, entry);
      accountOf(state, entry.to).balance += BigInt(entry.tokens);
      return;
    case 'channel':
      ordered(state, entry);
      state.channels.set(entry.channel, { entry, redeemed: 0n, ends: entry.expires, closing: '' });
      return;
  }
  const channel = state.channels.get(entry.channel);
  if (!channel) return;
  switch (entry.type) {
    case 'redeemed':
      accountOf(state, entry.server).balance += BigInt(entry.tokens) - channel.redeemed;
      channel.redeemed = BigInt(entry.tokens);
      return;
    case 'closing':
      channel.closing = entry.sig;
      channel.ends = Math.min(channel.ends, entry.at + (entry.by === channel.entry.server ? 0 : CHALLENGE_MS));
      return;
    case 'settled':
      accountOf(state, channel.entry.by).balance += lockedIn(channel);
      state.channels.delete(entry.channel);
  }
}

/** The tokens are the key's no longer, and the next number is the next order's. */
export function ordered(
  state: LedgerState,
  { by, tokens, number, sig }: Numbered & { readonly tokens: number; readonly sig: string },
): void {
  const account = accountOf(state, by);
  account.balance -= BigInt(tokens);
  account.orders = number;
  account.order = sig;
}
