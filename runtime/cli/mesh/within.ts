/** Waits for something, but not for ever. */
import { setTimeout as sleep } from 'node:timers/promises';

export async function within(milliseconds: number, what: Promise<unknown> | undefined): Promise<void> {
  await Promise.race([what, sleep(milliseconds, undefined, { ref: false })]);
}
