/** Streams that would grow for ever keep their newest records. */
import type { Backplane } from '../backplane/backplane.ts';

/** Events in the log of one run, which people read. */
export const MAX_LOG_ENTRIES = 100_000;
/** State hashes of one run, kept for audits. */
export const MAX_COMMITS = 20_000;
/** So much more than the bound may be there: trimming costs a transaction. */
const SLACK = 0.1;

export async function appendBounded(backplane: Backplane, stream: string, value: string, most: number): Promise<void> {
  const sequence = await backplane.append(stream, value);
  if (sequence > most && sequence % Math.ceil(SLACK * most) === 0) await backplane.trim(stream, sequence - most + 1);
}
