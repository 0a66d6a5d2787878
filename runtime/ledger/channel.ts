/** Channels: tokens of a payer that are locked for one server, which redeems vouchers over them. */
import type { EntryOf } from './entry.ts';

export interface Channel {
  readonly entry: EntryOf<'channel'>;
  /** Tokens that its server was paid. */
  redeemed: bigint;
  /** Nothing is redeemed from this time on, by the time of the entry that would do so. */
  ends: number;
  /** Signature of the newest entry `closing`. */
  closing: string;
}

/** Milliseconds in which a server can still redeem when the payer closes a channel early. */
export const CHALLENGE_MS = 3_600_000;

/** What is locked in it, and neither paid nor back. */
export function lockedIn({ entry, redeemed }: Channel): bigint {
  return BigInt(entry.tokens) - redeemed;
}
