/** What the mesh knows of records: who had which shard in a term, and which blob is the record of which stretch. */
import type { Backplane } from '../backplane/backplane.ts';
import type { StoredRun } from '../roles/synchronizer-state.ts';
import { boundedCount } from '../support/bounded.ts';
import { UserError } from '../support/errors.ts';
import { parsedJson } from '../support/parsed-json.ts';
import { count, follows, list, object, oneOf, text, withMore } from '../support/shape.ts';
import type { StretchName } from '../wire/ticket.ts';
import { PieceReader } from './piece-reader.ts';
import { decodeEntryHead, ENTRY_HEAD_BYTES, MAGIC, MAX_ENTRY_BYTES, wordsIn } from './records/entries.ts';

const PAGE = 1000;
/** Bytes of frames that a neighbour has sent before the stretch began. */
const MAX_BEFORE_HEAD = 2 ** 28;
const OWNERS = withMore(object({ event: oneOf('epoch-of-owners'), epoch: count, keys: list(text) }));

/** @returns keys by shard; nothing where the term is not known any more */
export async function ownersOf(
  backplane: Pick<Backplane, 'read'>,
  known: StoredRun | undefined,
  run: string,
  term: number,
): Promise<readonly string[] | undefined> {
  if (known?.term === term && known.owners.length > 0) return known.owners;
  for (let from = 1; ; ) {
    const records = await backplane.read(`log/${run}`, from, PAGE);
    for (const { value } of records) {
      const entry = parsedJson(value);
      if (follows(OWNERS, entry) && entry.epoch === term) return entry.keys;
    }
    const last = records.at(-1);
    if (!last) return undefined;
    from = last.sequence + 1;
  }
}

/** Bytes of a blob that is the record of this stretch by its own words; nothing where it is not there, or another one. */
export async function recordBytes(
  backplane: Pick<Backplane, 'readBlob'>,
  blob: string,
  stretch: StretchName,
): Promise<number | undefined> {
  const source = await backplane.readBlob(blob);
  if (!source) return undefined;
  try {
    const head = await headOf(new PieceReader(source));
    return head && follows(HEAD, head) && isOf(head, stretch) ? source.bytes : undefined;
  } catch (error) {
    if (error instanceof UserError || error instanceof SyntaxError) return undefined;
    throw error;
  } finally {
    await source.close();
  }
}

const HEAD = withMore(object({ run: text, shard: count, term: count, from: count }));

function isOf(head: StretchName, { run, shard, term, from }: StretchName): boolean {
  return head.run === run && head.shard === shard && head.term === term && head.from === from;
}

/** Frames may stand before it: a neighbour can be ahead. */
async function headOf(pieces: PieceReader): Promise<unknown> {
  const take = (bytes: number, most: number): Promise<Uint8Array | undefined> =>
    pieces.take(boundedCount(bytes, most, 'an entry of a record'));
  const magic = await take(MAGIC.length, MAGIC.length);
  if (!magic || !Buffer.from(magic).equals(MAGIC)) return undefined;
  for (let read = 0; read < MAX_BEFORE_HEAD; ) {
    const entry = await take(ENTRY_HEAD_BYTES, ENTRY_HEAD_BYTES);
    if (!entry) return undefined;
    const head = decodeEntryHead(entry);
    const body = await take(head.bytes, MAX_ENTRY_BYTES);
    if (!body) return undefined;
    if (head.kind === 'head') return wordsIn(head, body);
    read += ENTRY_HEAD_BYTES + head.bytes;
  }
  return undefined;
}
