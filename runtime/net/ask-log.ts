/** What happened to a run, page by page; what is no record is not taken for one. */
import { EnvironmentError } from '../support/errors.ts';
import type { Link } from './link.ts';

export interface LogRecord extends Readonly<Record<string, unknown>> {
  readonly sequence: number;
  readonly event: string;
  /** Milliseconds since 1970. */
  readonly time: number;
}

/** The last moment that a date has. */
const LAST_TIME = 8.64e15;

/** @returns the next records, none at the end. @throws EnvironmentError `mesh/answer`; as `ask` does */
export async function askLog(link: Pick<Link, 'ask'>, run: string, from: number): Promise<readonly LogRecord[]> {
  return recordsOf(await link.ask({ what: 'logs', run, from }), from, isLogRecord);
}

/** Pieces of the run's recording. */
export async function askRecording(
  link: Pick<Link, 'ask'>,
  run: string,
  from: number,
): Promise<readonly { readonly sequence: number; readonly value: string }[]> {
  return recordsOf(await link.ask({ what: 'events', run, from }), from, isPiece);
}

/** In order, and behind `from`: so an end comes, whoever answers. */
function recordsOf<T extends { readonly sequence: number }>(
  answer: unknown,
  from: number,
  is: (value: unknown) => value is T,
): readonly T[] {
  const records: unknown = (answer as { readonly records?: unknown } | null)?.records;
  if (!Array.isArray(records) || !records.every(is)) throw noRecords();
  let next = from;
  for (const { sequence } of records) {
    if (sequence < next) throw noRecords();
    next = sequence + 1;
  }
  return records;
}

function isLogRecord(value: unknown): value is LogRecord {
  const { sequence, event, time } = (value ?? {}) as Record<string, unknown>;
  if (!Number.isSafeInteger(sequence) || typeof event !== 'string') return false;
  return typeof time === 'number' && Math.abs(time) <= LAST_TIME;
}

function isPiece(value: unknown): value is { readonly sequence: number; readonly value: string } {
  const { sequence, value: text } = (value ?? {}) as Record<string, unknown>;
  return Number.isSafeInteger(sequence) && typeof text === 'string';
}

function noRecords(): EnvironmentError {
  return new EnvironmentError('mesh/answer', 'the answer is not the log of a run', 'is it the mesh you mean?');
}
