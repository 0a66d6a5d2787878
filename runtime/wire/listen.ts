/** Where a trainer says that others reach it. */
import { isLoopback } from '../support/loopback.ts';

/** @param address HOST:PORT, or `ws://` or `wss://` before it @returns whether it concerns its own machine only */
export function isOwnMachineOnly(address: string): boolean {
  return isLoopback(address.replace(/^wss?:\/\//, '').replace(/^\[(.*)\]:\d+$|:\d+$/, '$1'));
}
