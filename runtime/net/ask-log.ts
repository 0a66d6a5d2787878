/** The log of a run, page by page; anything that is not a record is refused. */
import type { RunEvent } from '../../spec/run-events.ts';
import { readRunEvent } from '../wire/run-event-schema.ts';
import type { Answers } from './answers.ts';
import { ask, unlike } from './ask.ts';
import type { Link } from './link.ts';

export interface LogRecord {
  readonly sequence: number;
  /** As the mesh has written it. */
  readonly record: Answers['logs']['records'][number];
  /** Nothing where only another version knows it. */
  readonly event: RunEvent | undefined;
}

/** @returns the next records, none at the end. @throws EnvironmentError `mesh/answer`; as `ask` does */
export async function askLog(link: Pick<Link, 'ask'>, run: string, from: number): Promise<readonly LogRecord[]> {
  const { records } = await ask(link, { what: 'logs', run, from });
  assertOrder(records, from);
  return records.map((record) => {
    const read = readRunEvent(record);
    if ('problem' in read) throw unlike(`the log of a run: ${read.problem}`);
    return { sequence: record.sequence, record, event: read.event };
  });
}

/** Pieces of the run's recording. */
export async function askRecording(
  link: Pick<Link, 'ask'>,
  run: string,
  from: number,
): Promise<Answers['events']['records']> {
  const { records } = await ask(link, { what: 'events', run, from });
  assertOrder(records, from);
  return records;
}

/** In order, and behind `from`, so that reading ends even with a faulty mesh. */
function assertOrder(records: readonly { readonly sequence: number }[], from: number): void {
  let next = from;
  for (const { sequence } of records) {
    if (sequence < next) throw unlike(`the log of a run: record ${sequence} comes behind ${next - 1}`);
    next = sequence + 1;
  }
}
