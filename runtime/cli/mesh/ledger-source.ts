/** Records of a ledger: of a mesh, or of a copy of it in a file, a record a line. */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { ChainedRecord } from '../../backplane/backplane.ts';
import { LedgerReader } from '../../ledger/verify.ts';
import { askLedger } from '../../net/ask-ledger.ts';
import { nmc } from '../../support/command-text.ts';
import { UserError } from '../../support/errors.ts';
import { parsedJson } from '../../support/parsed-json.ts';
import { count, follows, object, text } from '../../support/shape.ts';
import { openMeshToLook } from './look-link.ts';
import type { LedgerArguments, ReachArguments } from './options.ts';

const RECORD = object({ sequence: count, value: text, previous: text, hash: text });

/** A line of a copy; the other way round: `recordsOfFile`. */
export function lineOf({ sequence, value, previous, hash }: ChainedRecord): string {
  return `${JSON.stringify({ sequence, value, previous, hash })}\n`;
}

/** @throws UserError `file/missing`, `ledger/format` */
export async function* recordsOfFile(path: string): AsyncGenerator<ChainedRecord> {
  const input = createReadStream(path, 'utf8');
  const opened = new Promise<void>((resolve, reject) => input.once('open', () => resolve()).once('error', reject));
  try {
    await opened;
  } catch (error) {
    throw (error as { readonly code?: unknown }).code === 'ENOENT'
      ? new UserError('file/missing', `there is no file ${path}`, `to write one: ${nmc`ledger export FILE`}`)
      : error;
  }
  let line = 0;
  for await (const read of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    line++;
    if (read === '') continue;
    const record = parsedJson(read);
    if (!follows(RECORD, record))
      throw new UserError('ledger/format', `line ${line} of ${path} is not a record of a ledger`, howToCopy());
    yield record;
  }
}

/** A mesh, or a copy of its ledger. */
type Source = ReachArguments & Pick<LedgerArguments, 'file'>;

/** The file that was named, or else the mesh. */
export async function* recordsOf(args: Source): AsyncGenerator<ChainedRecord> {
  if (args.file !== undefined) {
    yield* recordsOfFile(args.file);
    return;
  }
  const { link } = await openMeshToLook(args);
  try {
    yield* askLedger(link);
  } finally {
    link.close();
  }
}

/**
 * All of it, gone through.
 * @throws UserError `ledger/none`, `ledger/damaged`: nothing is to be said of balances that do not hold
 */
export function soundLedger(args: Source): Promise<LedgerReader> {
  return readSound(recordsOf(args), args.file === undefined ? [] : [args.file]);
}

/** @param copy the file that they are from; empty: the mesh. @throws as `soundLedger` */
export async function readSound(records: AsyncIterable<ChainedRecord>, copy: readonly string[]): Promise<LedgerReader> {
  const reader = new LedgerReader();
  for await (const record of records) reader.add(record);
  if (!reader.state.opened && reader.problems.length === 0) throw noLedger();
  const [first] = reader.problems;
  if (!first) return reader;
  throw new UserError(
    'ledger/damaged',
    `the ledger does not hold: record ${first.sequence}: ${first.told}`,
    `to see all of it: ${nmc`ledger verify ${copy}`}`,
  );
}

export function noLedger(): UserError {
  return new UserError(
    'ledger/none',
    'no ledger has been begun',
    `an operator begins it with tokens for a run: ${nmc`ledger fund RUN --tokens 1000 --emission`}`,
  );
}

function howToCopy(): string {
  return `to make a copy: ${nmc`ledger export FILE`}`;
}
