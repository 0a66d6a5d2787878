/** Channels that are over: entries that follow from the ledger and the time, as those of `due.ts` follow from it alone. */
import { lockedIn } from './channel.ts';
import type { NewEntry } from './entry.ts';
import type { LedgerState } from './state.ts';

/** Of the first channel that has ended by then, and is not settled. @param now milliseconds since 1970 */
export function channelDue({ channels, fork }: LedgerState, now: number): NewEntry | undefined {
  if (fork) return undefined;
  for (const [id, channel] of channels)
    if (now >= channel.ends) return { type: 'settled', channel: id, returned: Number(lockedIn(channel)) };
  return undefined;
}
