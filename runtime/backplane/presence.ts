/** Synchronizers that have a backplane open answer when they are asked. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Backplane } from './backplane.ts';

const ASKED = 'present-asked';
const ANSWERED = 'present';
/** A busy one answers within this. */
const WAIT_MS = 1_500;

/** @returns what ends it */
export function answerPresence(backplane: Backplane): () => void {
  const own = randomUUID();
  return backplane.subscribe(ASKED, () => void backplane.publish(ANSWERED, own).catch(() => undefined));
}

/** How many have answered. One that is stopped does not. */
export async function countPresent(backplane: Backplane, waitMs = WAIT_MS): Promise<number> {
  const heard = new Set<string>();
  const end = backplane.subscribe(ANSWERED, (who) => heard.add(who));
  try {
    await backplane.publish(ASKED, '');
    await sleep(waitMs);
    return heard.size;
  } finally {
    end();
  }
}
