/** Payments for tests, over a ledger that is written without a mesh. */
import type { KeyPair } from '../../runtime/identity/ed25519.ts';
import { channelDue } from '../../runtime/ledger/channel-due.ts';
import type { NewEntry } from '../../runtime/ledger/entry.ts';
import {
  type Closing,
  type Opening,
  type Payment,
  signClosing,
  signOpening,
  signPayment,
  signVoucher,
} from '../../runtime/ledger/signed-payments.ts';
import { spendable } from '../../runtime/ledger/state.ts';
import { keyOf, MESH, OPERATOR, WrittenLedger } from './ledger.ts';

/** A ledger in which each key has so many tokens, earned by a run of one stretch each. */
export function ledgerWith(tokens: number, keys: readonly KeyPair[]): WrittenLedger {
  const ledger = new WrittenLedger(1);
  ledger.run([1n], { run: 'earned', train: keys.length });
  ledger.add(ledger.funds('emission', tokens * keys.length, OPERATOR, 'earned'));
  keys.forEach((trainer, i) => {
    ledger.add(ledger.stretch({ run: 'earned', shard: 0, from: i, to: i + 1, trainer }));
  });
  ledger.add({ type: 'ended', run: 'earned' });
  ledger.settle();
  return ledger;
}

export function nextNumber({ state }: WrittenLedger, keys: KeyPair): number {
  return (state.accounts.get(keyOf(keys))?.orders ?? 0) + 1;
}

export function payment(ledger: WrittenLedger, from: KeyPair, to: KeyPair, tokens: number): Payment {
  return signPayment({ to: keyOf(to), tokens, number: nextNumber(ledger, from) }, keyOf(MESH), from);
}

/** @param expires milliseconds since 1970 */
export function opening(
  ledger: WrittenLedger,
  from: KeyPair,
  server: KeyPair,
  { tokens, expires }: { readonly tokens: number; readonly expires: number },
): Opening {
  const number = nextNumber(ledger, from);
  return signOpening({ server: keyOf(server), tokens, expires, number }, keyOf(MESH), from);
}

export type Redemption = Extract<NewEntry, { readonly type: 'redeemed' }>;

export function voucher(
  { channel, server, expires }: Pick<Opening, 'channel' | 'server' | 'expires'>,
  tokens: number,
  payer: KeyPair,
  mesh = keyOf(MESH),
): Redemption {
  return { type: 'redeemed', ...signVoucher({ channel, server, tokens, expires }, mesh, payer) };
}

export function closing({ channel }: Pick<Opening, 'channel'>, keys: KeyPair): Closing {
  return signClosing(channel, keyOf(MESH), keys);
}

/** Channels that are over. @returns how many those were */
export function settleChannels(ledger: WrittenLedger): number {
  let n = 0;
  for (let due = channelDue(ledger.state, ledger.now); due; due = channelDue(ledger.state, ledger.now)) {
    ledger.add(due);
    n++;
  }
  return n;
}

export function has({ state }: WrittenLedger, keys: KeyPair): number {
  return Number(spendable(state.accounts.get(keyOf(keys))));
}
