/**
 * The chain of a stream: the hash of each record covers the record before it, so that two copies with the same last hash
 * have the same records. It is SHA-256 of the canonical JSON (RFC 8785) of {previous, sequence, stream, value}.
 */
import { hex, sha256 } from '../wire/hash.ts';
import type { ChainedRecord } from './backplane.ts';

/** Before the first record of a stream. */
export const ORIGIN = '0'.repeat(64);

/** Where a stream, or a copy of it, ends. */
export interface Head {
  readonly sequence: number;
  readonly hash: string;
}

export const EMPTY: Head = { sequence: 0, hash: ORIGIN };

export function chained(stream: string, behind: Head, value: string): ChainedRecord {
  const [sequence, previous] = [behind.sequence + 1, behind.hash];
  return { sequence, value, previous, hash: chainHash(stream, sequence, previous, value) };
}

export function chainHash(stream: string, sequence: number, previous: string, value: string): string {
  // What lies on a disk or in a message: half a character becomes a sign of its own there.
  const kept = Buffer.from(value).toString();
  // The canonical form, written down: a ledger has a million of them.
  const [before, of, what] = [previous, stream, kept].map((text) => JSON.stringify(text));
  return hex(sha256(Buffer.from(`{"previous":${before},"sequence":${sequence},"stream":${of},"value":${what}}`)));
}

/** What is wrong with a record by itself, or behind the one before it where that is known; nothing where it is sound. */
export function chainProblem(stream: string, record: ChainedRecord, behind?: Head): string | undefined {
  const { sequence, previous, hash, value } = record;
  if (chainHash(stream, sequence, previous, value) !== hash) return `record ${sequence} does not have its hash`;
  if (!behind) return undefined;
  if (sequence !== behind.sequence + 1) return `record ${sequence} follows record ${behind.sequence}`;
  return previous === behind.hash
    ? undefined
    : `record ${sequence} was written behind another record ${behind.sequence}`;
}
