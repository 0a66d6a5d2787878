/** What is signed of payments: transfers and channels by the key that pays, vouchers by the payer of their channel. */
import type { KeyPair } from '../identity/ed25519.ts';
import { keyText } from '../identity/key-text.ts';
import { canonicalBytes } from '../wire/canonical.ts';
import { hex, sha256 } from '../wire/hash.ts';
import type { EntryOf } from './entry.ts';
import { holds, signed } from './signed.ts';

type Signed<T extends 'paid' | 'channel' | 'redeemed' | 'closing'> = Omit<EntryOf<T>, 'at'>;
export type Payment = Signed<'paid'>;
export type Opening = Signed<'channel'>;
export type Voucher = Omit<Signed<'redeemed'>, 'type'>;
export type Closing = Signed<'closing'>;

/** Characters of the name of a channel. */
const NAME = 32;

/** @param mesh its key: what was signed for one mesh is worth nothing in another one */
export function signPayment(payment: Omit<Payment, 'type' | 'by' | 'sig'>, mesh: string, keys: KeyPair): Payment {
  const by = keyText(keys.publicKey);
  const { to, tokens, number } = payment;
  return { type: 'paid', by, to, tokens, number, sig: signed(paymentText({ by, to, tokens, number }, mesh), keys) };
}

export function paymentHolds(payment: Omit<Payment, 'type'>, mesh: string): boolean {
  return holds(paymentText(payment, mesh), payment.sig, payment.by);
}

/** @param mesh its key */
export function signOpening(
  opening: Omit<Opening, 'type' | 'channel' | 'by' | 'sig'>,
  mesh: string,
  keys: KeyPair,
): Opening {
  const by = keyText(keys.publicKey);
  const { server, tokens, expires, number } = opening;
  const text = openingText({ by, server, tokens, expires, number }, mesh);
  return {
    ...{ type: 'channel', channel: nameOf(text), by, server, tokens, expires, number },
    sig: signed(text, keys),
  };
}

/** Whether the payer has signed it, and its name is the one that follows. */
export function openingHolds(opening: Omit<Opening, 'type'>, mesh: string): boolean {
  const text = openingText(opening, mesh);
  return nameOf(text) === opening.channel && holds(text, opening.sig, opening.by);
}

/** @param keys of the channel's payer */
export function signVoucher(voucher: Omit<Voucher, 'sig'>, mesh: string, keys: KeyPair): Voucher {
  const { channel, server, tokens, expires } = voucher;
  return { channel, server, tokens, expires, sig: signed(voucherText(voucher, mesh), keys) };
}

export function voucherHolds(voucher: Voucher, mesh: string, payer: string): boolean {
  return holds(voucherText(voucher, mesh), voucher.sig, payer);
}

/** @param keys of the channel's payer, or of its server */
export function signClosing(channel: string, mesh: string, keys: KeyPair): Closing {
  const by = keyText(keys.publicKey);
  return { type: 'closing', channel, by, sig: signed(closingText({ channel, by }, mesh), keys) };
}

export function closingHolds(closing: Omit<Closing, 'type'>, mesh: string): boolean {
  return holds(closingText(closing, mesh), closing.sig, closing.by);
}

function nameOf(text: Uint8Array): string {
  return hex(sha256(text)).slice(0, NAME);
}

function paymentText({ by, to, tokens, number }: Omit<Payment, 'type' | 'sig'>, mesh: string): Uint8Array {
  return canonicalBytes(['nmc/ledger/paid/1', mesh, by, to, tokens, number]);
}

function openingText(
  { by, server, tokens, expires, number }: Omit<Opening, 'type' | 'channel' | 'sig'>,
  mesh: string,
): Uint8Array {
  return canonicalBytes(['nmc/ledger/channel/1', mesh, by, server, tokens, expires, number]);
}

function voucherText({ channel, server, tokens, expires }: Omit<Voucher, 'sig'>, mesh: string): Uint8Array {
  return canonicalBytes(['nmc/ledger/voucher/1', mesh, channel, server, tokens, expires]);
}

function closingText({ channel, by }: Omit<Closing, 'type' | 'sig'>, mesh: string): Uint8Array {
  return canonicalBytes(['nmc/ledger/closing/1', mesh, channel, by]);
}
