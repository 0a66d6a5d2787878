/**
 * Entries by which keys pay each other. A transfer, and the opening of a channel, carry the number of the order among
 * those of its key, from 1 without a gap: an order counts once. Times are milliseconds since 1970.
 */
import { count } from '../support/shape.ts';
import { at, id, key, positive, signature } from './entry-shapes.ts';

/** What the payer of a channel has signed: so many tokens in all, from its beginning on. A later one has more. */
export const VOUCHER = { channel: id, server: key, tokens: positive, expires: positive, sig: signature };

export const PAYMENTS = {
  /** From one key to another. */
  paid: { at, by: key, to: key, tokens: positive, number: positive, sig: signature },
  /** So many tokens of its payer are locked for one server. Its name is the hash of what was signed. */
  channel: {
    ...{ at, channel: id, by: key, server: key, tokens: positive },
    ...{ expires: positive, number: positive, sig: signature },
  },
  /** The server is paid by how much a voucher has more than the one before it. */
  redeemed: { at, ...VOUCHER },
  /** Its server ends it at once, its payer after a time in which the server can still redeem. */
  closing: { at, channel: id, by: key, sig: signature },
  /** It is over: what was not redeemed goes back to its payer. */
  settled: { at, channel: id, returned: count },
} as const;
