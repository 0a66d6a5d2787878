/** Waiting for what others do: a bounded time, which is there to give up and not to measure. */
import { setTimeout as sleep } from 'node:timers/promises';

export interface Patience {
  /** Milliseconds after which nobody waits any more. */
  readonly within?: number;
  /** Milliseconds between two looks. */
  readonly every?: number;
}

/**
 * Looks again and again, until there is something.
 * @param what is waited for, of which the error speaks
 * @throws Error where there is nothing in time
 */
export async function waitFor<T>(
  what: string,
  look: () => T | undefined | Promise<T | undefined>,
  { within = 120_000, every = 50 }: Patience = {},
): Promise<T> {
  const end = performance.now() + within;
  do {
    const found = await look();
    if (found !== undefined) return found;
    await sleep(every);
  } while (performance.now() < end);
  throw new Error(`there was no ${what} in ${within / 1000} s`);
}

/** The same for something that holds or does not. */
export async function waitUntil(
  what: string,
  holds: () => boolean | Promise<boolean>,
  patience?: Patience,
): Promise<void> {
  await waitFor(what, async () => ((await holds()) ? true : undefined), patience);
}
